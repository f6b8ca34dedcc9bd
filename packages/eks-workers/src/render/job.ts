import type { MediaType } from "@strongroom/core/document/rendering";
import type { Allowance } from "./limits.ts";

/** What a child is asked for; the file, or the JPEGs to join, follow as blobs. */
export type Job =
  | { kind: "render"; mediaType: MediaType; allowance: Allowance }
  | { kind: "combine"; sizes: Size[] };
type Size = { width: number; height: number };

/** Sent once by a child that has loaded its codecs and waits for work. */
export const readyHeader = { kind: "ready" };

/** An image in an answer: its bytes are the blob of that number. */
export type ImageRef = { blob: number; width: number; height: number };

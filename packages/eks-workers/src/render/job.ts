import type { MediaType } from "@strongroom/core/document/rendering";
import type { Allowance } from "./limits.ts";

/** What a child is asked to render; the file follows as a blob. */
export type Job = { mediaType: MediaType; allowance: Allowance };

/** Sent once by a child that has loaded its codecs and waits for work. */
export const readyHeader = { kind: "ready" };

/** An image in an answer: its bytes are the blob of that number. */
export type ImageRef = { blob: number; width: number; height: number };

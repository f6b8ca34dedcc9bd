import * as z from "zod";

/** Media types that Strongroom takes; told from the content, never from a name. */
export const mediaTypes = [
  "image/jpeg",
  "image/png",
  "image/webp",
  "image/heic",
  "image/tiff",
  "application/pdf",
] as const;
export type MediaType = (typeof mediaTypes)[number];

/** Why a page may be hard to read; advisory, never a reason to reject. */
export const legibilityReasons = ["blurred", "dark", "glare", "too_small", "blank", "cut_off"] as const;
export type LegibilityReason = (typeof legibilityReasons)[number];

/** A plain JPEG without any metadata but its ICC profile; the bytes are emptied once they are sealed. */
export type RenderedImage = { bytes: Uint8Array; width: number; height: number };

/** One page: longest side at most 2,000 px, thumbnail at most 320 px, and what may be wrong with it (empty: nothing seen). */
export type RenderedPage = {
  rendition: RenderedImage;
  thumbnail: RenderedImage;
  legibility: LegibilityReason[];
};

/** Why a file of the right type has no preview. */
export const noPreviewReasons = [
  "broken",
  "encrypted",
  "timed_out",
  "out_of_memory",
  "decoder_crashed",
] as const;
export const NoPreviewReason = z.enum(noPreviewReasons);
export type NoPreviewReason = z.infer<typeof NoPreviewReason>;

/** Limits that a file's own header declares broken before anything is decoded. */
export type RenderLimit = "megapixels" | "side" | "pages";

/** What became of one file. Every fork is the file's own; a fault of ours is thrown. */
export type Rendering =
  | {
      outcome: "rendered";
      mediaType: MediaType;
      /** Pages in the file; `pages` holds the first `previewPages` of them. */
      pageCount: number;
      pages: RenderedPage[];
      /** PDF text layer by page (all pages), null for images. */
      text: string[] | null;
      /** What the camera wrote (EXIF): sealed beside the original, never shown in renditions. */
      captureFacts: Record<string, unknown> | null;
    }
  | { outcome: "no_preview"; mediaType: MediaType; reason: NoPreviewReason; pageCount: number | null }
  | { outcome: "over_limit"; mediaType: MediaType; limit: RenderLimit; actual: number; allowed: number }
  | { outcome: "unsupported"; detected: string | null }
  /** The child died or outlived its deadline: the caller counts it and decides whether to try once more. */
  | { outcome: "crashed"; mediaType: MediaType; cause: "timed_out" | "out_of_memory" | "killed" };

/** Level of isolation that decode children run at, strongest first. */
export type Isolation = {
  network: "none" | "shared";
  memoryLimit: "rlimit" | "heap_only";
  environment: "empty";
};

/** Turns files into pages, each job in a killable child process. */
export interface Renderer {
  /** `tight`: the second try after a crash, alone in a fresh child with half the time and memory. */
  render(path: string, options: { tight: boolean; signal?: AbortSignal }): Promise<Rendering>;
  readonly isolation: Isolation;
  close(): Promise<void>;
}

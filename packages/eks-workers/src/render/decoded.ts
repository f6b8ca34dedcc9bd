import type { MediaType, Rendering } from "@strongroom/core/document/rendering";
import type { OverLimit } from "./limits.ts";
import { isAboutMemory } from "./out-of-memory.ts";

/** What a decoder in the child can say of a file: everything but "not our type" and "the child died". */
export type Decoded = Extract<Rendering, { outcome: "rendered" | "no_preview" | "over_limit" }>;

/** The outcome of a file whose header breaks a limit. */
export function overLimit(mediaType: MediaType, broken: OverLimit): Decoded {
  return { outcome: "over_limit", mediaType, ...broken };
}

/** The outcome of a file that its decoder gave up on. */
export function undecodable(mediaType: MediaType, error: unknown, pageCount: number | null = null): Decoded {
  const message = error instanceof Error ? error.message : String(error);
  return {
    outcome: "no_preview",
    mediaType,
    reason: isAboutMemory(message) ? "out_of_memory" : "broken",
    pageCount,
  };
}

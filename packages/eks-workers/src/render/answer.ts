import * as z from "zod";
import {
  legibilityReasons,
  mediaTypes,
  NoPreviewReason,
  type RenderedImage,
} from "@strongroom/core/document/rendering";
import type { Decoded } from "./decoded.ts";
import type { Frame } from "./frames.ts";
import type { Job } from "./job.ts";
import { maxPages, renditionSide } from "./limits.ts";

/** A TIFF may have more pages than are opened of a PDF; what counts them in the database ends at 2³¹. */
const mostPages = 1_000_000;

const ImageRef = z.strictObject({
  blob: z.int().min(0),
  width: z.int().min(1).max(renditionSide),
  height: z.int().min(1).max(renditionSide),
});
const PageRef = z.strictObject({
  rendition: ImageRef,
  thumbnail: ImageRef,
  legibility: z.array(z.enum(legibilityReasons)).max(legibilityReasons.length),
});
const Answer = z.discriminatedUnion("outcome", [
  z.strictObject({
    outcome: z.literal("rendered"),
    mediaType: z.enum(mediaTypes),
    pageCount: z.int().min(1).max(mostPages),
    pages: z.array(PageRef).min(1),
    text: z.array(z.string()).max(maxPages).nullable(),
    captureFacts: z.record(z.string(), z.unknown()).nullable(),
  }),
  z.strictObject({
    outcome: z.literal("no_preview"),
    mediaType: z.enum(mediaTypes),
    reason: NoPreviewReason,
    pageCount: z.int().min(0).max(mostPages).nullable(),
  }),
  z.strictObject({
    outcome: z.literal("over_limit"),
    mediaType: z.enum(mediaTypes),
    limit: z.enum(["megapixels", "side", "pages"]),
    actual: z.number(),
    allowed: z.number(),
  }),
  z.strictObject({ outcome: z.literal("fault"), message: z.string().max(500) }),
]);

/** What a child answered, checked; null when it is nothing that a child of ours would say about such a job. */
export type CheckedAnswer = Decoded | { outcome: "fault"; message: string };

/** Believes nothing: shapes, sizes, numbers, and that images are JPEGs, each one its own. */
export function checkAnswer({ header, blobs }: Frame, { mediaType, allowance }: Job): CheckedAnswer | null {
  const parsed = Answer.safeParse(header);
  if (!parsed.success) return null;
  const answer = parsed.data;
  if (answer.outcome === "fault") return answer;
  if (answer.mediaType !== mediaType) return null;
  if (answer.outcome !== "rendered") return answer;
  const images = answer.pages.flatMap(({ rendition, thumbnail }) => [rendition.blob, thumbnail.blob]);
  if (answer.pages.length > allowance.previewPages || new Set(images).size < images.length) return null;
  if (!images.every((blob) => blobs[blob] && startsWith(blobs[blob], "\xff\xd8\xff"))) return null;
  const image = ({ blob, width, height }: z.infer<typeof ImageRef>): RenderedImage => ({
    bytes: blobs[blob]!,
    width,
    height,
  });
  const pages = answer.pages.map((page) => ({
    rendition: image(page.rendition),
    thumbnail: image(page.thumbnail),
    legibility: page.legibility,
  }));
  return { ...answer, pages };
}

function startsWith(bytes: Uint8Array, signature: string): boolean {
  return String.fromCharCode(...bytes.subarray(0, signature.length)) === signature;
}

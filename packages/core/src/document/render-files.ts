import type { DocumentFileRow } from "../database/tables.ts";
import type { FetchedFile } from "./fetch-files.ts";
import { overLimit, pageName, type Rejection, unsupportedType } from "./rejection.ts";
import type { MediaType, NoPreviewReason, RenderedPage, Renderer, Rendering } from "./rendering.ts";

/** What rendering made of one file of a document that is taken. */
export type RenderedFile = Omit<FetchedFile, "intact"> & {
  mediaType: string;
  pages: RenderedPage[];
  pageCount: number | null;
  noPreview: NoPreviewReason | null;
  text: string[] | null;
  captureFacts: Record<string, unknown> | null;
};

/** Why a file whose child died twice gets no third one. */
export type GivenUp = { mediaType: string; noPreview: NoPreviewReason };

/** `onCrash` keeps a crash in mind and, once there is one, the verdict: later claims find it on the file. */
type RenderOptions = {
  signal: AbortSignal;
  crashesBefore: number;
  onCrash: (file: DocumentFileRow, givenUp: GivenUp | null) => Promise<void>;
};

/**
 * Renders file after file; the first one that cannot be taken rejects the document. A file whose child dies is tried once
 * more, alone and with tighter limits, and then goes without a preview, under this claim and all later ones. Previews of the
 * whole document are bounded: beyond `mostPreviewBytes` a file keeps that of its first page.
 */
export async function renderFiles(
  renderer: Renderer,
  files: FetchedFile[],
  options: RenderOptions,
): Promise<RenderedFile[] | Rejection> {
  const rendered: RenderedFile[] = [];
  let heldBytes = 0;
  let givenUp = files.filter(({ file }) => givenUpBefore(file) !== null).length;
  // A file that was given up accounts for two crashes; one beyond them is of a file that nobody can name any more.
  const isSuspect = options.crashesBefore > 2 * givenUp;
  for (const fetched of files) {
    const { file, path } = fetched;
    const isTight = isSuspect || givenUp >= mostGivenUp;
    const rendering =
      givenUpBefore(file) ?? (await renderPatiently(renderer, file, path, { ...options, isTight }));
    if (rendering.outcome === "crashed" && givenUpBefore(file) === null) givenUp += 1;
    const taken = take(fetched, rendering, pageName(file.position, files.length));
    if ("reason" in taken) return taken;
    // All of it is in memory until it is sealed: 50 files of 20 dear pages each would be gigabytes.
    if (heldBytes + bytesOf(taken) > mostPreviewBytes) taken.pages.splice(1);
    heldBytes += bytesOf(taken);
    rendered.push(taken);
  }
  return rendered;
}

/** Files of one document that may cost two children each; each further one has its tight try alone: fifty bombs are no job of a quarter of an hour. */
const mostGivenUp = 3;

/** Previews of one document above which a file gets one of its first page only. */
export const mostPreviewBytes = 100 * 1024 * 1024;

const bytesOf = ({ pages }: RenderedFile): number =>
  pages.reduce((sum, { rendition, thumbnail }) => sum + rendition.bytes.length + thumbnail.bytes.length, 0);

async function renderPatiently(
  renderer: Renderer,
  file: DocumentFileRow,
  path: string,
  { signal, isTight, onCrash }: RenderOptions & { isTight: boolean },
): Promise<Rendering> {
  if (!isTight) {
    const rendering = await renderer.render(path, { tight: false, signal });
    if (rendering.outcome !== "crashed") return rendering;
    await onCrash(file, null);
  }
  const rendering = await renderer.render(path, { tight: true, signal });
  if (rendering.outcome === "crashed")
    await onCrash(file, { mediaType: rendering.mediaType, noPreview: crashReasons[rendering.cause] });
  return rendering;
}

const crashReasons = {
  timed_out: "timed_out",
  out_of_memory: "out_of_memory",
  killed: "decoder_crashed",
} as const;
const crashCauses = {
  timed_out: "timed_out",
  out_of_memory: "out_of_memory",
  decoder_crashed: "killed",
} as const;

/** The verdict of an earlier claim: whatever fails after it, this file starts no further child. */
function givenUpBefore({
  detected_type: mediaType,
  no_preview_reason: reason,
}: DocumentFileRow): Rendering | null {
  if (mediaType === null || reason === null || !(reason in crashCauses)) return null;
  return {
    outcome: "crashed",
    mediaType: mediaType as MediaType,
    cause: crashCauses[reason as keyof typeof crashCauses],
  };
}

function take(
  { file, path, fingerprint }: FetchedFile,
  rendering: Rendering,
  page: string,
): RenderedFile | Rejection {
  const without = (
    mediaType: string,
    noPreview: NoPreviewReason,
    pageCount: number | null,
  ): RenderedFile => ({
    file,
    path,
    fingerprint,
    mediaType,
    pages: [],
    pageCount,
    noPreview,
    text: null,
    captureFacts: null,
  });
  switch (rendering.outcome) {
    case "unsupported":
      return unsupportedType(page, rendering.detected);
    case "over_limit":
      return overLimit(page, rendering.limit, rendering.actual, rendering.allowed);
    case "crashed":
      return without(rendering.mediaType, crashReasons[rendering.cause], null);
    case "no_preview":
      return without(rendering.mediaType, rendering.reason, rendering.pageCount);
    case "rendered": {
      const { mediaType, pages, pageCount, text, captureFacts } = rendering;
      return { file, path, fingerprint, mediaType, pages, pageCount, noPreview: null, text, captureFacts };
    }
  }
}

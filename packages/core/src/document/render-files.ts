import type { DocumentFileRow } from "../database/tables.ts";
import type { FetchedFile } from "./fetch-files.ts";
import { overLimit, pageName, type Rejection, unsupportedType } from "./rejection.ts";
import type { NoPreviewReason, RenderedPage, Renderer, Rendering } from "./rendering.ts";

/** What rendering made of one file of a document that is taken. */
export type RenderedFile = {
  file: DocumentFileRow;
  path: string;
  mediaType: string;
  pages: RenderedPage[];
  pageCount: number | null;
  noPreview: NoPreviewReason | null;
  text: string[] | null;
  captureFacts: Record<string, unknown> | null;
};

type RenderOptions = { signal: AbortSignal; crashesBefore: number; onCrash: () => Promise<void> };

/**
 * Renders file after file; the first one that cannot be taken rejects the document. A file whose child dies is tried once
 * more, alone and with tighter limits, and then goes without a preview: at most three children over all claims.
 */
export async function renderFiles(renderer: Renderer, files: FetchedFile[], options: RenderOptions): Promise<RenderedFile[] | Rejection> {
  const rendered: RenderedFile[] = [];
  for (const { file, path } of files) {
    const rendering = await renderPatiently(renderer, path, options);
    const taken = take(file, path, rendering, pageName(file.position, files.length));
    if ("reason" in taken) return taken;
    rendered.push(taken);
  }
  return rendered;
}

async function renderPatiently(renderer: Renderer, path: string, { signal, crashesBefore, onCrash }: RenderOptions): Promise<Rendering> {
  let rendering = await renderer.render(path, { tight: crashesBefore > 0, signal });
  if (rendering.outcome !== "crashed") return rendering;
  await onCrash();
  if (crashesBefore > 0) return rendering;
  rendering = await renderer.render(path, { tight: true, signal });
  if (rendering.outcome === "crashed") await onCrash();
  return rendering;
}

const crashReasons = { timed_out: "timed_out", out_of_memory: "out_of_memory", killed: "decoder_crashed" } as const;

function take(file: DocumentFileRow, path: string, rendering: Rendering, page: string): RenderedFile | Rejection {
  const without = (mediaType: string, noPreview: NoPreviewReason, pageCount: number | null): RenderedFile => ({
    file, path, mediaType, pages: [], pageCount, noPreview, text: null, captureFacts: null,
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
      return { file, path, mediaType, pages, pageCount, noPreview: null, text, captureFacts };
    }
  }
}

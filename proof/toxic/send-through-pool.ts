import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { renderFiles, type RenderedFile } from "@strongroom/core/document/render-files";
import type { Renderer } from "@strongroom/core/document/rendering";
import { childrenOf } from "./judge.ts";
import { lookAtRendition } from "./look-at-rendition.ts";
import type { End, ToxicFile } from "./toxic-file.ts";

/** What became of one toxic file, and what of it was against its oracle. */
export type Verdict = { file: ToxicFile; end: string; children: number; tookMs: number; misses: string[] };

/** Children that one file may cost. */
const mostChildren = 3;

/** Renders a file by the very code of the processor, without API, vault or database; never rejects for what the file does. */
export async function sendThroughPool(
  renderer: Renderer,
  file: ToxicFile,
  directory: string,
): Promise<Verdict> {
  const path = join(directory, randomUUID());
  await writeFile(path, await file.bytes());
  const startedMs = performance.now();
  let crashes = 0;
  const row = {
    id: "1",
    position: 1,
    detected_type: null,
    no_preview_reason: null,
    media_type: file.declaredType,
  };
  const result = await renderFiles(renderer, [{ file: row as never, path, fingerprint: "", intact: true }], {
    signal: new AbortController().signal,
    crashesBefore: 0,
    onCrash: () => Promise.resolve(void (crashes += 1)),
  }).catch((error: Error) => error);
  const tookMs = performance.now() - startedMs;
  await rm(path);
  const end = result instanceof Error ? `failed ${result.message}` : endOf(result);
  const children = childrenOf(end, crashes);
  const pages = Array.isArray(result) ? result.flatMap((one) => one.pages) : [];
  return {
    file,
    end,
    children,
    tookMs,
    misses: [...judgeEnd(file, end, children), ...(await lookAtPages(file, pages))],
  };
}

function endOf(result: Exclude<Awaited<ReturnType<typeof renderFiles>>, Error>): End {
  if (!Array.isArray(result)) return `rejected ${result.reason}` as End;
  const reason = result.find(({ noPreview }) => noPreview !== null)?.noPreview;
  return reason ? `no_preview ${reason}` : "stored";
}

/** Whether it ended as it may, and at what cost. */
export function judgeEnd(file: ToxicFile, end: string, children: number): string[] {
  return [
    ...((file.ends as readonly string[]).includes(end)
      ? []
      : [`ended “${end}”, not ${file.ends.map((one) => `“${one}”`).join(" or ")}`]),
    ...(children > mostChildren ? [`cost ${children} children`] : []),
  ];
}

async function lookAtPages(file: ToxicFile, pages: RenderedFile["pages"]): Promise<string[]> {
  const looks = pages.flatMap((page, index) => [
    lookAtRendition(page.rendition.bytes, index === 0 ? file.truth : null),
    lookAtRendition(page.thumbnail.bytes, index === 0 ? file.truth : null),
  ]);
  return [...new Set((await Promise.all(looks)).flat())];
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRenderer } from "@strongroom/eks-workers/render/pool";
import { drawPdf } from "./draw-pdf.ts";
import { filesLike } from "./files.ts";
import { type BenchOptions, figure, type Race, race } from "./race.ts";
import { has, run } from "./run.ts";
import { inScratch } from "./scratch.ts";

const samples = join(import.meta.dirname, "../packages/local/samples");
const pages = 12;

/** The preview of a PDF page in a warm decode child, beside spawning pdftoppm for it; and how many honest files get one. */
export async function racePdf(options: BenchOptions): Promise<Race[]> {
  const renderer = await createRenderer({ concurrency: 1 });
  try {
    return await inScratch(async (directory) => {
      const path = join(directory, "pages.pdf");
      await writeFile(path, drawPdf(pages));
      const render = (file: string) => renderer.render(file, { tight: false });
      const given = await filesLike(options, /\.pdf$/i);
      const honest = given.length > 0 ? given : [join(samples, "invoice.pdf"), path];
      let shown = 0;
      for (const file of honest) if ((await render(file)).outcome === "rendered") shown += 1;
      const ppm = `-jpeg -r 170 -scale-to 2000 -f 3 -l 3 ${path} ${directory}/page`.split(" ");
      const page = await race({
        name: `PDF page → 2,000 px JPEG, thumbnail and text (of ${pages})`,
        unit: "ms",
        limitName: "one pdftoppm per page, JPEG of the same size",
        goal: "≤ 0.35 × the limit",
        isMet: (_, ratio) => ratio <= 0.35,
        rounds: options.quick ? 1 : 7,
        ours: async () => (await timed(() => render(path))) / pages,
        limit: (await has("pdftoppm")) ? () => timed(() => run("pdftoppm", ppm)) : null,
      });
      return [page, honestRow((shown * 100) / honest.length, honest.length)];
    });
  } finally {
    await renderer.close();
  }
}

const honestRow = (percent: number, of: number): Race =>
  figure(
    {
      name: `honest PDF files that get a preview, of ${of}`,
      unit: "%",
      limitName: "–",
      goal: "≥ 97 %",
      isMet: (value) => value >= 97,
    },
    [percent],
  );

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

import { registerHooks } from "node:module";

/** One change of one source file; `from` stands in it exactly once. */
type Patch = { file: string; from: string; to: string };

/** Loaded as `--import …/break-source.ts?break=<name>`: breaks this process, and hands itself on to those that it starts. */
const self = import.meta.url;

/** Each takes one defence away that the proof must miss. */
const breaks: Record<string, readonly Patch[]> = {
  "no pixel limit": [
    {
      file: "render/limits.ts",
      from: "const megapixels = (width * height) / 1_000_000;",
      to: "return null; const megapixels = (width * height) / 1_000_000;",
    },
    { file: "render/limits.ts", from: "if (side > maxSide)", to: "if (side > 1e12)" },
  ],
  "no deadline": [{ file: "render/decoder.ts", from: "}, deadlineMs);", to: "}, 2 ** 30);" }],
  "types by what the client says": [
    {
      file: "document/render-files.ts",
      from: "renderer.render(path, { tight: false, signal });",
      to: "renderer.render(path, { tight: false, signal, said: file.media_type });",
    },
    {
      file: "render/pool.ts",
      from: "const sniffed = describe(await headOf(file));",
      to: "const sniffed = { mediaType: options.said ?? describe(await headOf(file)).mediaType };",
    },
  ],
  "metadata kept": [
    {
      file: "render/page.ts",
      from: "pipeline.jpeg({ quality",
      to: "pipeline.keepMetadata().jpeg({ quality",
    },
  ],
};

/** The way down: `npm start` hands the preload to its workers, the processor to its decode children, which may read it. */
const handedOn: readonly Patch[] = [
  {
    file: "local/src/workers.ts",
    from: `const nodeOptions = ["--max-semi-space-size=8"];`,
    to: `const nodeOptions = ["--max-semi-space-size=8", ${JSON.stringify(`--import=${self}`)}];`,
  },
  {
    file: "render/isolation.ts",
    from: `"--max-old-space-size=128"];`,
    to: `"--max-old-space-size=128", ${JSON.stringify(`--import=${self}`)}, ${JSON.stringify(`--allow-fs-read=${import.meta.dirname}/`)}];`,
  },
];

const name = new URL(self).searchParams.get("break") ?? "";
const patches = [...(breaks[name] ?? []), ...handedOn];
if (!breaks[name]) throw new Error(`there is no way to break called “${name}”`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const mine = patches.filter(({ file }) => url.endsWith(`/${file}`));
    if (mine.length === 0 || !loaded.source) return loaded;
    let source =
      typeof loaded.source === "string"
        ? loaded.source
        : new TextDecoder().decode(loaded.source as Uint8Array);
    for (const { file, from, to } of mine) {
      if (source.split(from).length !== 2) throw new Error(`${file} does not hold “${from}” exactly once`);
      source = source.replace(from, () => to);
    }
    return { ...loaded, source };
  },
});

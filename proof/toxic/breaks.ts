/** One change of one source file; `from` stands in it exactly once. */
type Patch = { file: string; from: string; to: string };

/**
 * A defence that is taken away, the few files that must show it, and what must be missed of one of them: a system that does
 * nothing any more, say because its decode children do not start, misses a lot, and shows nothing of the defence.
 */
type Break = { name: string; shows: readonly string[]; says: RegExp; patches: readonly Patch[] };

/** Takes nothing away, and is loaded all the same: what the broken ones miss is not missed because of how they are broken. */
export const nothing = "nothing";

/** Each takes one defence away that the proof must miss. */
export const breaks: readonly Break[] = [
  {
    name: "no pixel limit",
    shows: ["png that declares 65,000 × 1", "jpeg that declares 16,000 × 16,000"],
    says: /ended “(?:stored|no_preview (?:broken|out_of_memory|timed_out))”, not “rejected (?:side_too_long|too_many_pixels)”/,
    patches: [
      {
        file: "render/limits.ts",
        from: "const megapixels = (width * height) / 1_000_000;",
        to: "return null; const megapixels = (width * height) / 1_000_000;",
      },
      { file: "render/limits.ts", from: "if (side > maxSide)", to: "if (side > 1e12)" },
    ],
  },
  {
    name: "no deadline",
    shows: ["pdf with a tiling of 10^12 tiles"],
    says: /ended “not ended”/,
    patches: [{ file: "render/decoder.ts", from: "countDown(deadlineMs,", to: "countDown(2 ** 30," }],
  },
  {
    name: "types by what the client says",
    shows: ["jpeg that is an SVG", "jpeg that calls itself a web page"],
    says: /ended “(?:stored|no_preview broken)”, not “rejected unsupported_type”/,
    patches: [
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
  },
  {
    name: "metadata kept",
    shows: ["jpeg with EXIF that says where it was taken", "jpeg with XMP of scripts"],
    says: / has a segment e1$| carries “Exif”$/,
    patches: [
      {
        file: "render/page.ts",
        from: "pipeline.jpeg({ quality",
        to: "pipeline.keepMetadata().jpeg({ quality",
      },
    ],
  },
];

/** The way down: `npm start` hands the preload to its workers, the processor to its decode children, which may read it. */
export const handedOn = (preload: string): readonly Patch[] => [
  {
    file: "local/src/workers.ts",
    from: "[...nodeOptions, entry, kind]",
    to: `[...nodeOptions, ${JSON.stringify(`--import=${preload}`)}, entry, kind]`,
  },
  {
    file: "render/isolation.ts",
    from: `"--max-old-space-size=128"];`,
    to: `"--max-old-space-size=128", ${JSON.stringify(`--import=${preload}`)}, ${JSON.stringify(`--allow-fs-read=${import.meta.dirname}/`)}];`,
  },
];

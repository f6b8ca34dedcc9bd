import { glob, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const packages = fileURLToPath(new URL("../../", import.meta.url));
const page = await readFile(new URL("../../../docs/differences.md", import.meta.url), "utf8");

/** Lines of the first table: which port, and what the last column says of tests. */
const rows = page
  .slice(page.indexOf("| port |"), page.indexOf("\n## "))
  .trim()
  .split("\n")
  .slice(2)
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map((cells) => ({ port: cells[1]!, difference: cells[2]!, watch: cells.at(-2)! }));

/** Files that a line names, as paths below `packages` that end so; the contract is the suite of its port. */
async function filesOf({ port, watch }: (typeof rows)[number]): Promise<string[]> {
  const named = [...watch.matchAll(/`([\w/-]+(?:\.\w+)*\.test\.ts)`/g)].map(([, path]) => path!);
  const patterns = named.map((path) => [`core/src/${path}`, path]);
  if (/the contract/.test(watch)) patterns.push([`core/src/contract/${port}*.ts`]);
  const found: string[] = [];
  for (const alternatives of patterns) {
    const there: string[] = [];
    for await (const path of glob(alternatives, { cwd: packages })) there.push(path);
    expect(there, `one of ${alternatives.join(", ")}`).not.toEqual([]);
    found.push(...there);
  }
  return found;
}

/** A title as the page quotes it: "…" stands for what it leaves out, or for what is filled in. */
const patternOf = (title: string): RegExp =>
  new RegExp(
    title
      .split("…")
      .map((part) => RegExp.escape(part.trim()))
      .join('[^"`]*?'),
  );

test("the page has its lines", () => {
  expect(rows.length).toBeGreaterThan(25);
  expect(new Set(rows.map(({ port }) => port))).toEqual(
    new Set(["objects", "keys", "database", "queue", "stream", "push", "cache", "all"]),
  );
});

test.each(rows)(
  "$port: $difference – is watched by tests that are there, or by nothing and says so",
  async (row) => {
    const files = await filesOf(row);
    if (files.length === 0) return expect(row.watch).toMatch(/^nothing\b/);
    const sources = await Promise.all(files.map((file) => readFile(`${packages}${file}`, "utf8")));
    for (const [, title] of row.watch.matchAll(/"([^"]+)"/g)) {
      expect(
        sources.some((source) => patternOf(title!).test(source)),
        `"${title}" in ${files.join(", ")}`,
      ).toBe(true);
    }
  },
);

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A test that a document names: its file and the beginning of its title. */
export type NamedTest = { line: string; file: string; title: string };

/** Every `path/to/x.test.ts`: "title", "title" in the rows of a document's tables. */
export function namedTests(markdown: string): NamedTest[] {
  return markdown.split("\n").flatMap((line) => (line.startsWith("|") ? inRow(line) : []));
}

function inRow(line: string): NamedTest[] {
  const naming = /`([^`]+\.test\.ts)`:((?:\s*"[^"]+",?)+)/g;
  return [...line.matchAll(naming)].flatMap(([, file, titles]) =>
    [...titles!.matchAll(/"([^"]+)"/g)].map(([, title]) => ({ line, file: file!, title: title! })),
  );
}

/** Whether the file is there and a test (or a row of `each`) in it has a title that begins so. */
export function stands(root: string, { file, title }: NamedTest): boolean {
  try {
    const source = readFileSync(join(root, file), "utf8");
    return ['"', "`", "'"].some((quote) => source.includes(`${quote}${title}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

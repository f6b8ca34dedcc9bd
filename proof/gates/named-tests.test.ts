import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { namedTests, stands } from "./named-tests.ts";

const root = join(import.meta.dirname, "../..");
const security = readFileSync(join(root, "docs/security.md"), "utf8");
const requirements = security.split("\n").filter((line) => /^\| [A-Z]{3}-\d+ \|/.test(line));

describe("docs/security.md", () => {
  test("names a test for every requirement", () => {
    expect(requirements.length).toBeGreaterThan(25);
    expect(requirements.filter((line) => namedTests(line).length === 0)).toEqual([]);
  });

  test("gives every requirement a name of its own", () => {
    const ids = requirements.map((line) => line.split("|")[1]!.trim());
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("names no test that is not there", () => {
    const gone = namedTests(security).filter((named) => !stands(root, named));
    expect(gone.map(({ file, title }) => `${file}: ${title}`)).toEqual([]);
  });
});

test("a test whose file or title is gone does not stand", () => {
  const row = (file: string, title: string) => namedTests(`| X-1 | what | \`${file}\`: "${title}" |`)[0]!;
  expect(stands(root, row("proof/gates/named-tests.test.ts", "a test whose file or title is gone"))).toBe(
    true,
  );
  expect(stands(root, row("proof/gates/named-tests.test.ts", "a title that no" + " test has"))).toBe(false);
  expect(stands(root, row("proof/gates/gone.test.ts", "anything"))).toBe(false);
});

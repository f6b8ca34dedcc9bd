import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plants } from "./plants.ts";

const source = (file: string) => readFileSync(join(import.meta.dirname, "../..", file), "utf8");

test.each(plants)("still fits the sources, so that the bug can be planted: $name", ({ patches }) => {
  for (const { file, find } of patches) expect(source(file).split(find), file).toHaveLength(2);
});

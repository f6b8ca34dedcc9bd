import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { brokenBuilds } from "./broken-builds.ts";
import { checkEdits, edited, fileOf, harnessEdits } from "./source-edits.ts";

const edit = { file: "a.ts", from: "old", to: "new" };

describe("edits of sources", () => {
  test.each(brokenBuilds)("still fit the sources, so that a build can be broken: $name", ({ edits }) => {
    expect(() => checkEdits([...harnessEdits, ...edits])).not.toThrow();
  });

  test("change what stands there once, and nothing in other files", () => {
    expect(edited("a.ts", "an old text", [edit])).toBe("an new text");
    expect(edited("b.ts", "an old text", [edit])).toBe("an old text");
  });

  test.each([
    ["is not there", "a text", 0],
    ["is there twice", "old, old", 2],
  ])("refuse a text that %s", (_when, source, places) => {
    expect(() => edited("a.ts", source, [edit])).toThrow(`a.ts has ${places} places, not one`);
  });

  test("know the files of this repository by their URLs, and no others", () => {
    const here = pathToFileURL(join(import.meta.dirname, "plan.ts"));
    expect(fileOf(`${here.href}?again`)).toBe("proof/chaos/plan.ts");
    expect(fileOf("node:fs")).toBeNull();
    expect(fileOf("file:///elsewhere/plan.ts")).toBeNull();
  });
});

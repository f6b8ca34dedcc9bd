import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newCanary } from "./canary-files.ts";
import { encodingsOf } from "./encodings.ts";
import { findInData, findInFiles } from "./find-canaries.ts";

let home: string;
beforeAll(async () => (home = await mkdtemp(join(tmpdir(), "strongroom-search-"))));
afterAll(() => rm(home, { recursive: true }));

describe("the search", () => {
  const mark = newCanary();

  test.each([...encodingsOf(mark)])("finds a mark as %s", async (form, bytes) => {
    const directory = join(home, "planted", form);
    await mkdir(directory, { recursive: true });
    await writeFile(
      join(directory, "file"),
      Buffer.concat([Buffer.from("before"), bytes, Buffer.from("behind")]),
    );
    expect(await findInFiles(directory, { comment: mark })).toContainEqual({
      mark: "comment",
      form,
      place: "file",
    });
  });

  test.each(["base64", "base64url", "hex", "utf16le"] as const)(
    "finds it wherever it begins within %s",
    (form) => {
      for (const before of ["", "a", "ab", "abc"]) {
        const data = Buffer.from(
          Buffer.from(`${before}${mark}xyz`, form === "utf16le" ? form : "utf8").toString(
            form === "utf16le" ? "latin1" : form,
          ),
          "latin1",
        );
        expect(findInData(data, "", { comment: mark })).not.toEqual([]);
      }
    },
  );

  test("finds a mark in the name of a file", async () => {
    const directory = join(home, "named");
    await mkdir(directory);
    await writeFile(join(directory, `${mark}.jpg`), "");
    expect(await findInFiles(directory, { comment: mark })).toEqual([
      { mark: "comment", form: "raw", place: `${mark}.jpg` },
    ]);
  });
});

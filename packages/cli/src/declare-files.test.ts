import { createHash } from "node:crypto";
import { rm, truncate, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileDeclaration } from "@strongroom/core/api-shapes";
import { checkLimits, declareFiles, isUnchanged, looksUnchanged } from "./declare-files.ts";
import { makeHome } from "./stand-in-terminal.ts";

const mebibyte = 1024 * 1024;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let home: Awaited<ReturnType<typeof makeHome>>;
beforeEach(async () => {
  home = await makeHome();
});
afterEach(() => home.remove());

/** A file of `sizeBytes` bytes that takes no room on disk. */
async function sparse(name: string, sizeBytes: number): Promise<string> {
  const path = await home.file(name, "");
  await truncate(path, sizeBytes);
  return path;
}

test("a file is declared with its name, type by extension, size and SHA-256", async () => {
  const [file] = await declareFiles([await home.file("CMR 1.JPG", "page one")]);
  expect(file?.declaration).toEqual({
    name: "CMR 1.JPG",
    mediaType: "image/jpeg",
    sizeBytes: 8,
    sha256: sha256(Buffer.from("page one")),
  });
});

test("a type that the name does not tell is left to the server", async () => {
  const [file] = await declareFiles([await home.file("scan", "x")]);
  expect(file?.declaration.mediaType).toBe("application/octet-stream");
});

test("16 MiB go up whole, and one byte more goes up in parts of 8 MiB, each with its SHA-256", async () => {
  const [whole, inParts] = await declareFiles([
    await sparse("a.pdf", 16 * mebibyte),
    await sparse("b.pdf", 16 * mebibyte + 1),
  ]);
  expect(whole?.declaration.parts).toBeUndefined();
  const part = sha256(new Uint8Array(8 * mebibyte));
  expect(inParts?.declaration.parts).toEqual([part, part, sha256(new Uint8Array(1))]);
});

test("what no document can be is refused before anything is read", async () => {
  const limit = await sparse("limit.pdf", 50 * mebibyte);
  await expect(checkLimits([limit, limit, limit, limit])).resolves.toBeUndefined();
  await expect(checkLimits([limit, limit, limit, limit, await home.file("a", "x")])).rejects.toMatchObject({
    code: "document_too_large",
    message: "The document has 200.1 MiB; 200 MiB are allowed.",
  });
  const more = await sparse("more.pdf", 50 * mebibyte + 1);
  await expect(checkLimits([more])).rejects.toMatchObject({
    code: "file_too_large",
    message: `${more} has 50.1 MiB; 50 MiB are allowed.`,
  });
  await expect(checkLimits([await sparse("empty.pdf", 0)])).rejects.toMatchObject({ code: "file_empty" });
  const page = await home.file("page.jpg", "x");
  await expect(checkLimits(Array.from({ length: 50 }, () => page))).resolves.toBeUndefined();
  await expect(checkLimits(Array.from({ length: 51 }, () => page))).rejects.toMatchObject({
    code: "too_many_files",
  });
  await expect(checkLimits([home.path])).rejects.toThrow("is not a file");
  await expect(checkLimits([join(home.path, "nowhere")])).rejects.toThrow("There is no file");
});

test("any name on disk makes a name that the contract takes", async () => {
  const [odd, blank] = await declareFiles([
    await home.file("a\u0007\u2028\u202eb.jpg", "x"),
    await home.file(" ", "x"),
  ]);
  expect(FileDeclaration.parse(odd?.declaration).name).toBe("a___b.jpg");
  expect(FileDeclaration.parse(blank?.declaration).name).toBe("unnamed");
});

test("a touched file looks changed and is not; another content is", async () => {
  const path = await home.file("a.jpg", "page one");
  const [file] = await declareFiles([path]);
  expect(await looksUnchanged(file!)).toBe(true);
  await utimes(path, new Date(), new Date(2020, 1, 1));
  expect(await looksUnchanged(file!)).toBe(false);
  expect(await isUnchanged(file!)).toBe(true);
  await home.file("a.jpg", "page 1ne");
  expect(await isUnchanged(file!)).toBe(false);
  await rm(path);
  await expect(isUnchanged(file!)).rejects.toThrow("There is no file");
});

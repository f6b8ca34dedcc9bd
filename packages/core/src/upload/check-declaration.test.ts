import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Refusal } from "../errors.ts";
import {
  checkFiles,
  compositeSha256,
  contentSha256,
  inParts,
  partSizes,
  type Sized,
} from "./check-declaration.ts";

const mebibyte = 1024 * 1024;
const hash = "a".repeat(64);

/** A file of this size with as many parts as it needs, or with `given`. */
function file(sizeBytes: number, given?: number): Sized {
  const parts = given ?? (sizeBytes > 16 * mebibyte ? Math.ceil(sizeBytes / (8 * mebibyte)) : null);
  return {
    name: "photo.jpg",
    sizeBytes,
    ...(parts !== null && { parts: Array.from({ length: parts }, () => hash) }),
  };
}

function refusalOf(files: Sized[]): Refusal | null {
  try {
    checkFiles(files);
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
const codeOf = (...files: Sized[]) => refusalOf(files)?.code ?? null;

describe("the number of pages", () => {
  it.each([1, 49, 50])("%i are taken", (count) =>
    expect(codeOf(...Array.from({ length: count }, () => file(1)))).toBeNull(),
  );

  it("51 are too many, and the answer says what to do with the rest", () => {
    expect(refusalOf(Array.from({ length: 51 }, () => file(1)))).toMatchObject({
      code: "too_many_files",
      status: 413,
      message:
        "A document has at most 50 pages or files, this one has 51. Send the rest as a second document.",
    });
  });
});

describe("the size of a file", () => {
  it.each([1, 50 * mebibyte - 1, 50 * mebibyte])("%i bytes are taken", (size) =>
    expect(codeOf(file(size))).toBeNull(),
  );

  it("one byte above 50 MiB is too large; the page is named as its sender knows it", () => {
    expect(refusalOf([file(1), file(50 * mebibyte + 1)])).toMatchObject({
      code: "file_too_large",
      status: 413,
      message: expect.stringMatching(/^Page 2 \(“photo\.jpg”\) has .*the limit is 50\.0 MiB\. /) as string,
    });
  });

  it.each([0, -1])("%i bytes are an empty file", (size) => {
    expect(refusalOf([file(1), file(size)])).toMatchObject({
      code: "empty_file",
      status: 422,
      message: expect.stringContaining("Page 2") as string,
    });
  });
});

describe("the size of a document", () => {
  const most = [file(50 * mebibyte), file(50 * mebibyte), file(50 * mebibyte)];

  it.each([50 * mebibyte - 1, 50 * mebibyte])("150 MiB and %i bytes are taken", (last) =>
    expect(codeOf(...most, file(last))).toBeNull(),
  );

  it("one byte above 200 MiB is too large", () => {
    expect(refusalOf([...most, file(50 * mebibyte), file(1)])).toMatchObject({
      code: "document_too_large",
      status: 413,
    });
  });
});

describe("parts", () => {
  it.each([1, 16 * mebibyte - 1, 16 * mebibyte])(
    "a file of %i bytes goes up in one piece and takes none",
    (size) => {
      expect(inParts(size)).toBe(false);
      expect(codeOf(file(size))).toBeNull();
      expect(codeOf(file(size, 0))).toBeNull();
      expect(refusalOf([file(size, 1)])).toMatchObject({
        code: "invalid_parts",
        status: 400,
        message: expect.stringContaining("takes no `parts`") as string,
      });
    },
  );

  it.each([
    [16 * mebibyte + 1, 3],
    [24 * mebibyte - 1, 3],
    [24 * mebibyte, 3],
    [24 * mebibyte + 1, 4],
    [50 * mebibyte, 7],
  ])("a file of %i bytes needs %i, neither more nor fewer", (size, parts) => {
    expect(inParts(size)).toBe(true);
    expect([parts - 1, parts, parts + 1].map((given) => codeOf(file(size, given)))).toEqual([
      "invalid_parts",
      null,
      "invalid_parts",
    ]);
    expect(codeOf({ name: "photo.jpg", sizeBytes: size })).toBe("invalid_parts");
  });

  it("cover a file exactly: 8 MiB each, the last one what is left and never nothing", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 * mebibyte }), (size) => {
        const sizes = partSizes(size);
        expect(sizes.reduce((sum, part) => sum + part, 0)).toBe(size);
        expect(sizes.slice(0, -1).every((part) => part === 8 * mebibyte)).toBe(true);
        expect(sizes.at(-1)).toSatisfy((last: number) => last > 0 && last <= 8 * mebibyte);
      }),
    );
  });

  it("are summed up as S3 does it: the digests' digest in base64, and their number", () => {
    const parts = ["one", "two"].map((text) => createHash("sha256").update(text).digest("hex"));
    const digest = createHash("sha256")
      .update(Buffer.from(parts.join(""), "hex"))
      .digest("base64");
    expect(compositeSha256(parts)).toBe(`${digest}-2`);
  });
});

describe("the same content", () => {
  const hashes = fc.array(fc.constantFrom("a".repeat(64), "b".repeat(64)), { minLength: 1, maxLength: 4 });
  const contentOf = (sha256s: string[]) => contentSha256(sha256s.map((sha256) => ({ sha256 })));

  it("is the same files in the same order, and nothing else", () => {
    fc.assert(
      fc.property(hashes, hashes, (one, other) => {
        expect(contentOf(one) === contentOf(other)).toBe(one.join() === other.join());
      }),
    );
  });
});

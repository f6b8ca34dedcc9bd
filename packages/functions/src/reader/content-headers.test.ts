import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contentDisposition, contentHeaders } from "./content-headers.ts";

const content = {
  mediaType: "image/jpeg",
  sizeBytes: 3,
  sha256: createHash("sha256").update("abc").digest("hex"),
  fileName: "CMR 42.jpg",
  disposition: "attachment",
} as const;

test("length and digest come first, and a browser may neither guess nor run what follows", () => {
  const headers = contentHeaders(content);
  expect(Object.keys(headers).slice(0, 2)).toEqual(["repr-digest", "content-length"]);
  expect(headers).toEqual({
    "repr-digest": "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:",
    "content-length": "3",
    "content-type": "image/jpeg",
    "content-disposition": "attachment; filename=\"CMR 42.jpg\"; filename*=UTF-8''CMR%2042.jpg",
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "accept-ranges": "none",
  });
});

describe("a file name", () => {
  test.each([
    [
      "Lieferschein Größe.pdf",
      'filename="Lieferschein Gr__e.pdf"',
      "UTF-8''Lieferschein%20Gr%C3%B6%C3%9Fe.pdf",
    ],
    ['a";evil="b', 'filename="a_;evil=_b"', "UTF-8''a_%3Bevil%3D_b"],
    ["../../etc/passwd", 'filename="_.._etc_passwd"', "UTF-8''_.._etc_passwd"],
    ["..\\boot.ini", 'filename="_boot.ini"', "UTF-8''_boot.ini"],
    ["a\r\nset-cookie: x", 'filename="a__set-cookie_ x"', "UTF-8''a__set-cookie_%20x"],
    ["photo\u202egpj.exe", 'filename="photo_gpj.exe"', "UTF-8''photo_gpj.exe"],
    ["it's (1)*.jpg", 'filename="it\'s (1)_.jpg"', "UTF-8''it%27s%20%281%29_.jpg"],
    ["100%25.jpg", 'filename="100_25.jpg"', "UTF-8''100%2525.jpg"],
    [" ... ", 'filename="document"', "UTF-8''document"],
    ["", 'filename="document"', "UTF-8''document"],
    ["😀.png", 'filename="_.png"', "UTF-8''%F0%9F%98%80.png"],
  ])("%j becomes %s", (name, plain, encoded) => {
    expect(contentDisposition("inline", name)).toBe(`inline; ${plain}; filename*=${encoded}`);
  });

  test("of any make gives a header of one line that no quote or control character can leave", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.string({ unit: "grapheme" })),
        (name) => {
          expect(contentDisposition("attachment", name)).toMatch(
            /^attachment; filename="[ !#-[\]-~]{1,150}"; filename\*=UTF-8''[\w.!~%-]+$/,
          );
        },
      ),
    );
  });
});

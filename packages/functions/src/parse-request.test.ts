import { routes } from "@strongroom/core/api";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { HttpEvent } from "./gateway.ts";
import { paramsOf, parseRequest, requestLimits } from "./parse-request.ts";

const json = { "content-type": "application/json" };
const event = (change: Partial<HttpEvent>): HttpEvent => ({
  rawPath: "/v1/me",
  rawQueryString: "",
  headers: json,
  isBase64Encoded: false,
  requestContext: { requestId: "r", http: { method: "PUT", sourceIp: "127.0.0.1" } },
  ...change,
});
const editMe = (body: string, headers: Record<string, string> = json) =>
  parseRequest(routes.editMe, event({ body, headers }));
const list = (rawQueryString: string) => parseRequest(routes.listDocuments, event({ rawQueryString })).query;
const bodyOfBytes = (bytes: number) => JSON.stringify({ name: "x".repeat(bytes - '{"name":""}'.length) });
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

describe("a body", () => {
  test("is believed after it fits its schema", () => {
    expect(editMe('{"name":" Ada ","language":"de"}').body).toEqual({ name: "Ada", language: "de" });
  });

  test("may come in base64", () => {
    const body = Buffer.from('{"name":"Åsa"}').toString("base64");
    expect(parseRequest(routes.editMe, event({ body, isBase64Encoded: true })).body).toEqual({ name: "Åsa" });
  });

  test("that is absent is refused by the name of what is missing", () => {
    expect(() =>
      parseRequest(
        routes.issueTicket,
        event({ pathParameters: { id: "019a0000-0000-7000-8000-000000000000" } }),
      ),
    ).toThrow('The field "artefact" is missing.');
  });

  test("of 256 KiB is read, one byte more is refused", () => {
    expect(() => editMe(bodyOfBytes(requestLimits.bodyBytes))).toThrow(/"name" is wrong/);
    expect(() => editMe(bodyOfBytes(requestLimits.bodyBytes + 1))).toThrow(
      expect.objectContaining({ status: 413, code: "body_too_large" }),
    );
  });

  test("is nested up to sixteen times, brackets in strings not counted", () => {
    expect(() => editMe(nested(requestLimits.jsonDepth))).toThrow(/^The body is wrong/);
    expect(() => editMe(nested(requestLimits.jsonDepth + 1))).toThrow("nested too deep");
    expect(editMe(JSON.stringify({ name: `\\"${"[".repeat(40)}` })).body).toEqual({
      name: `\\"${"[".repeat(40)}`,
    });
  });

  test.each([
    ["no JSON", "{", 400],
    ["two values", "{} {}", 400],
    ["a list in place of an object", "[]", 400],
    ["null", "null", 400],
    ["a prototype", '{"__proto__":{"admin":true}}', 400],
    ["a prototype further down", '{"name":{"__proto__":{}}}', 400],
    ["a constructor", '{"constructor":{"prototype":{}}}', 400],
    ["a deep bomb", "[".repeat(200_000), 400],
    ["an unclosed string of escapes", `"${'\\"'.repeat(120_000)}`, 400],
  ])("that is %s is refused", (_what, body, status) => {
    expect(() => editMe(body)).toThrow(expect.objectContaining({ status }));
    expect("admin" in {}).toBe(false);
  });

  test("that names a prototype is refused even where any name would do", () => {
    const open = { ...routes.editMe, body: z.strictObject({ labels: z.record(z.string(), z.unknown()) }) };
    const parse = (body: string) => parseRequest(open, event({ body }));
    expect(parse('{"labels":{"proto":1}}').body).toEqual({ labels: { proto: 1 } });
    expect(() => parse('{"labels":{"__proto__":1}}')).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => parse('{"labels":{"a":[{"__proto__":1}]}}')).toThrow(
      expect.objectContaining({ status: 400 }),
    );
  });

  test("that is not UTF-8 is refused", () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]).toString("base64");
    expect(() => parseRequest(routes.editMe, event({ body, isBase64Encoded: true }))).toThrow("not UTF-8");
  });

  test.each([["text/plain"], ["application/json; charset=latin1"], ["multipart/form-data"], [""]])(
    "of type %j is refused",
    (type) => {
      expect(() => editMe("{}", { "content-type": type })).toThrow(expect.objectContaining({ status: 415 }));
    },
  );

  test("may name its charset, and may not be compressed", () => {
    const utf8 = { "content-type": "Application/JSON; charset=UTF-8" };
    expect(editMe('{"name":"Ada"}', utf8).body).toEqual({ name: "Ada" });
    expect(() => editMe("{}", { ...json, "content-encoding": "gzip" })).toThrow(
      expect.objectContaining({ status: 415 }),
    );
  });

  test("of a route that takes none may be an empty object and nothing else", () => {
    expect(parseRequest(routes.showMe, event({ body: "{}" })).body).toEqual({});
    expect(() => parseRequest(routes.showMe, event({ body: '{"a":1}' }))).toThrow(
      'The field "a" is not known here',
    );
  });

  test.each([routes.editDocument, routes.editMe])("of an edit names what it changes: $path", (route) => {
    const pathParameters = { id: "019a0000-0000-7000-8000-000000000000" };
    const edit = (body: string) =>
      parseRequest(
        route,
        event({ body, ...(route.path.includes("{") ? { pathParameters } : { rawPath: route.path }) }),
      );
    for (const body of ["{}", ""])
      expect(() => edit(body)).toThrow("The body changes nothing; name at least one field.");
  });

  test("of an edit may take a value away: that is a change", () => {
    const pathParameters = { id: "019a0000-0000-7000-8000-000000000000" };
    expect(parseRequest(routes.editDocument, event({ body: '{"note":null}', pathParameters })).body).toEqual({
      note: null,
    });
  });

  test("whatever it is, is read or refused, never a fault", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        try {
          editMe(body);
        } catch (error) {
          expect(error).toMatchObject({ name: "Refusal" });
        }
      }),
    );
  });
});

describe("words", () => {
  const id = "019a0000-0000-7000-8000-000000000000";
  const file = { name: "a.jpg", mediaType: "image/jpeg", sizeBytes: 8, sha256: "0".repeat(64) };
  /** A note, and a name of a file, in a body where each character is escaped: so a lone half of one can be sent. */
  const accept = (note: string, name = "a.jpg") =>
    parseRequest(
      routes.acceptUpload,
      event({ body: JSON.stringify({ id, kind: "cmr", note, files: [{ ...file, name }] }) }),
    ).body;

  test.each([
    ["two\nlines", "contains a line break; it is one line"],
    ["two\r\nlines", "contains a line break; it is one line"],
    ["two\u2028lines", "contains a line break; it is one line"],
    ["two\u2029lines", "contains a line break; it is one line"],
    ["a\u0000b", "contains control characters"],
    ["\u001b[2J", "contains control characters"],
    ["a\u0085b", "contains control characters"],
    ["photo\u202egpj.exe", "contains characters that turn the direction of a text around"],
    ["a\u202bb\u202c", "contains characters that turn the direction of a text around"],
    ["photo\ud83d.jpg", "contains half a character"],
    ["\ude9aphoto.jpg", "contains half a character"],
  ])("%j are refused, as a note and as the name of a file", (text, words) => {
    expect(() => accept(text)).toThrow(`The field "note" ${words}.`);
    expect(() => accept("note", text)).toThrow(`The field "files[0].name" ${words}.`);
  });

  test.each([
    "🚚 Zürich – 東京",
    "שלום\u200f!",
    "مرحبا\u061c 12",
    "न्\u200dष",
    "\u2068Ana\u2069.jpg",
    "e\u0301",
    "\u{10ffff}",
  ])("%j are taken as they are", (text) =>
    expect(accept(text, text)).toMatchObject({ note: text, files: [{ name: text }] }),
  );
});

describe("a query", () => {
  test("is parsed with its defaults", () => {
    expect(list("state=stored&search=load%2042")).toEqual({ state: "stored", search: "load 42", limit: 25 });
    expect(list("limit=100")).toEqual({ limit: 100 });
  });

  test.each([
    ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"],
    ["2026-03-01T13:00:00%2B01:00", "2026-03-01T12:00:00.000Z"],
    ["2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00.000Z"], // a bare plus in a query is a space
    ["2026-03-01T06:30:00-05:30", "2026-03-01T12:00:00.000Z"],
  ])("takes a moment in any time zone: %s", (text, moment) => {
    expect(list(`changedSince=${text}`)).toEqual({ changedSince: moment, limit: 25 });
  });

  test.each([
    ["changedSince=2026-03-01T13:00:00", /"changedSince" is wrong/],
    ["changedSince=9999-12-31T23:59:59-01:00", /"changedSince" is not within the years/],
    ["changedSince=0000-01-01T00:00:00%2B01:00", /"changedSince" is not within the years/],
    ["state=lost", /"state" is wrong/],
    ["limit=0", /"limit" is wrong/],
    ["limit=101", /"limit" is wrong/],
    ["limit=ten", /"limit" is wrong/],
    ["changedSince=yesterday", /"changedSince" is wrong/],
    ["search=%00", 'The field "search" contains control characters.'],
    ["code=63RJ-JMKO", 'The field "code" is not a confirmation code such as 63RJ-JMKX.'],
    ["tenantId=other", 'The field "tenantId" is not known here'],
    ["state=stored&state=failed", "given twice"],
  ])("%s is refused and the field is named", (query, words) => {
    expect(() => list(query)).toThrow(words);
  });

  test("of a route that takes none is refused", () => {
    expect(() => parseRequest(routes.showMe, event({ rawQueryString: "verbose=1" }))).toThrow(
      '"verbose" is not known here',
    );
  });
});

describe("a path", () => {
  test("gives its parameters decoded, behind a stage too", () => {
    expect(paramsOf("/v1/documents/{id}/receipt", "/v1/documents/a%20b/receipt")).toEqual({ id: "a b" });
    expect(paramsOf("/v1/documents/{id}", "/prod/v1/documents/a")).toEqual({ id: "a" });
  });

  test.each(["1", "019a0000-0000-4000-8000-000000000000", "../me", "", "%ff"])(
    "with the id %j is refused",
    (id) => {
      expect(() =>
        parseRequest(routes.showDocument, event({ rawPath: `/v1/documents/${id}`, body: "" })),
      ).toThrow(expect.objectContaining({ status: 400 }));
    },
  );
});

test("at most ten faults are named, and no value is repeated", () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`files${index}`, "secret"]));
  const files = Array.from({ length: 30 }, () => ({
    name: "secret",
    mediaType: "SECRET",
    sizeBytes: 1,
    sha256: "secret",
  }));
  const body = JSON.stringify({ id: "secret", kind: "bol", files, ...many });
  try {
    parseRequest(routes.acceptUpload, event({ body }));
    expect.unreachable();
  } catch (error) {
    expect((error as { details: { faults: unknown[] } }).details.faults).toHaveLength(10);
    expect(JSON.stringify(error)).not.toMatch(/secret/i);
  }
});

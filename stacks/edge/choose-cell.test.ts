import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

type Values = Record<string, { value: string }>;
type Request = { uri: string; headers: Values; cookies: Values };
const source = readFileSync(new URL("choose-cell.js", import.meta.url), "utf8").replace(
  'import cf from "cloudfront";',
  "",
);

/** Runs CloudFront's function with these weights (null: none written yet) and this draw; answers the origin it chose. */
async function choose(
  weights: Record<string, number> | null,
  { chance = 0, uri = "/v1/documents", cookie }: { chance?: number; uri?: string; cookie?: string } = {},
) {
  let chosen: string | null = null;
  const cf = {
    kvs: () => ({ get: async () => weights ?? Promise.reject(new Error("KeyNotFound")) }),
    selectRequestOriginById: (id: string) => (chosen = id),
  };
  const math = { ...Math, random: () => chance };
  // oxlint-disable-next-line typescript/no-implied-eval -- CloudFront runs text, not a module
  const handler = new Function("cf", "Math", `${source}; return handler;`)(cf, math) as (event: {
    request: Request;
    viewer: { ip: string };
  }) => Promise<Request>;
  const request: Request = {
    uri,
    headers: { "x-viewer-address": { value: "127.0.0.1" } },
    cookies: cookie === undefined ? {} : { "strongroom-cell": { value: cookie } },
  };
  expect(await handler({ request, viewer: { ip: "2001:db8::7" } })).toBe(request);
  expect(request.headers).toEqual({ "x-viewer-address": { value: "2001:db8::7" } });
  return chosen;
}

test.each([
  [0, "api-even"],
  [0.899, "api-even"],
  [0.9, "api-odd"],
  [0.999, "api-odd"],
])("of ten requests, nine go to the cell that weighs nine tenths (a draw of %d)", async (chance, origin) => {
  expect(await choose({ even: 90, odd: 10 }, { chance })).toBe(origin);
});

test("content goes to a cell's reader, everything else to its API", async () => {
  expect(await choose({ odd: 1 }, { uri: "/v1/documents/0190-x/content" })).toBe("reader-odd");
  expect(await choose({ odd: 1 }, { uri: "/v1/documents/0190-x/content/more" })).toBe("api-odd");
});

test("beta people reach a cell that weighs nothing, and nobody a cell that is not there", async () => {
  expect(await choose({ even: 100, odd: 0 }, { cookie: "odd" })).toBe("api-odd");
  expect(await choose({ even: 100, odd: 0 }, { cookie: "other" })).toBe("api-even");
  expect(await choose({ even: 100 }, { cookie: "odd" })).toBe("api-even");
  expect(await choose({ even: 100 }, { cookie: "toString" })).toBe("api-even");
});

test("without weights, or with none above zero, a request goes to the active cell", async () => {
  expect(await choose(null)).toBeNull();
  expect(await choose({ even: 0, odd: 0 })).toBeNull();
});

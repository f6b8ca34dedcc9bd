import { requestLimits } from "@strongroom/functions/parse-request";
import type { Sent } from "./ask.ts";
import type { Operation, Schema } from "./described-operation.ts";
import { fieldsOf } from "./sample-value.ts";

/** A request that must be refused, and how; `any`: whatever the answer is, it is no fault of ours. */
export type Hostile = { what: string; sent: Sent; expected: { status: number; code: string } | "any" };
type Valid = Sent & { headers: Record<string, string> };

const invalid = { status: 400, code: "invalid_request" } as const;
const tooLarge = { status: 413, code: "body_too_large" } as const;
const wrongType = { status: 415, code: "unsupported_media_type" } as const;

/** Makes a valid request, new each time, with these fields of its body besides those that it must have. */
export type MakeValid = (fields: string[]) => Valid;

/** Every hostile form of a valid request that its description tells of. */
export function hostileRequests(operation: Operation, make: MakeValid): Hostile[] {
  const valid = make([]);
  return [
    ...hostileBodies(operation, valid),
    ...(operation.body ? hostileFields(operation.body, make) : []),
    ...hostileQueries(operation, valid),
    ...hostilePaths(operation, valid),
    ...hostileHeaders(operation, valid),
  ];
}

function hostileBodies({ body }: Operation, valid: Valid): Hostile[] {
  const object = String(valid.body ?? "{}");
  const inside = (text: string) => object.replace(/^\{/, `{${text}${object === "{}" ? "" : ","}`);
  const json = { ...valid.headers, "content-type": "application/json" };
  const rows: [string, Sent["body"], Hostile["expected"], Record<string, string>?][] = [
    ["an unknown field", inside('"surprise":1'), invalid],
    ["__proto__", inside('"__proto__":{"role":"admin"}'), invalid],
    ["constructor", inside('"constructor":{"prototype":{"role":"admin"}}'), invalid],
    ["prototype", inside('"prototype":{}'), invalid],
    ["tenantId", inside('"tenantId":"6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e01"'), invalid],
    ["role", inside('"role":"admin"'), invalid],
    ["an escaped __proto__", inside('"\\u005f_proto__":{"role":"admin"}'), invalid],
    ["no JSON", "{", invalid],
    ["two values", `${object}${object}`, invalid],
    ["single quotes", "{'a':1}", invalid],
    ["NaN", inside('"surprise":NaN'), invalid],
    ["a list", "[]", invalid],
    ["a text", '"text"', invalid],
    ["a number", "7", invalid],
    ["null", "null", invalid],
    ["a number too large for any", inside('"surprise":1e999'), invalid],
    ["nested too deep", `${'{"a":'.repeat(40)}1${"}".repeat(40)}`, invalid],
    ["nested ten thousand times", "[".repeat(10_000), invalid],
    ["too large", `${" ".repeat(requestLimits.bodyBytes)}${object}`, tooLarge],
    ["no UTF-8", Buffer.concat([Buffer.from(inside('"surprise":"')), Buffer.from([0xff, 0xfe])]), invalid],
    ["UTF-16", Buffer.from(object, "utf16le"), invalid],
    ["a form", "a=1", wrongType, { "content-type": "application/x-www-form-urlencoded" }],
    ["XML", "<a/>", wrongType, { "content-type": "application/xml" }],
    ["text", object, wrongType, { "content-type": "text/plain" }],
    ["another charset", object, wrongType, { "content-type": "application/json; charset=utf-16" }],
    ["compressed", object, wrongType, { "content-encoding": "gzip" }],
    ["as a patch of another kind", object, wrongType, { "content-type": "application/merge-patch+json" }],
  ];
  if (body) rows.push(["nothing", "", body.required?.length || body.minProperties ? invalid : "any"]);
  return rows.map(([what, text, expected, headers]) => ({
    what: `body: ${what}`,
    sent: { ...valid, headers: { ...json, ...headers }, body: text! },
    expected,
  }));
}

/** Values of every type but its own, by the type of a field. */
const wrongValues: Record<string, unknown[]> = {
  string: [7, true, {}, ["text"]],
  integer: ["1", 1.5, true, {}, []],
  number: ["1", true, {}, []],
  boolean: ["true", 1, {}, []],
  array: ["text", 7, {}, { length: 1 }],
  object: ["text", 7, []],
};
/** Texts that fit many a schema and no database. */
const trickyTexts = [
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\u202e",
  "'; drop table document; --",
  "x".repeat(5_000),
  " ",
];

/** Each field of a body with each value that is not for it. */
function hostileFields(body: Schema, make: MakeValid): Hostile[] {
  return fieldsOf(body).flatMap(({ way, schema }) => {
    const types = (schema.anyOf ?? [schema]).flatMap(({ type, enum: values }) => type ?? typeof values?.[0]);
    const wrong = types.length === 1 ? [...wrongValues[types[0]!]!, null] : [{ surprise: 1 }];
    const row = (value: unknown, expected: Hostile["expected"]): Hostile[] => {
      const valid = make([way]);
      const changed = withValue(JSON.parse(String(valid.body)), way.split("."), value);
      const what = `field ${way}: ${JSON.stringify(value).slice(0, 60)}`;
      return changed ? [{ what, sent: { ...valid, body: JSON.stringify(changed) }, expected }] : [];
    };
    return [
      ...wrong.flatMap((value) => row(value, invalid)),
      ...(types.includes("string") ? trickyTexts.flatMap((value) => row(value, "any")) : []),
    ];
  });
}

/** The object with one value changed; in a list, that of its first item. Null when the sample has no place for it. */
function withValue(node: unknown, [name, ...rest]: string[], value: unknown): unknown {
  if (Array.isArray(node)) {
    const changed = withValue(node[0], [name!, ...rest], value);
    return changed === null ? null : [changed, ...(node.slice(1) as unknown[])];
  }
  if (typeof node !== "object" || node === null) return null;
  if (rest.length === 0) return { ...node, [name!]: value };
  const inner = withValue((node as Record<string, unknown>)[name!], rest, value);
  return inner === null ? null : { ...node, [name!]: inner };
}

function hostileQueries({ parameters }: Operation, valid: Valid): Hostile[] {
  const [path, query = ""] = valid.path.split("?");
  const row = (what: string, text: string, expected: Hostile["expected"]): Hostile => ({
    what: `query: ${what}`,
    sent: { ...valid, path: `${path}?${[query, text].filter(Boolean).join("&")}` },
    expected,
  });
  const known = parameters.filter((one) => one.in === "query");
  const tricky = [
    "%00",
    "%ff",
    "%F0%9F%92%A9",
    "'",
    "%27%29%3B--",
    "a%20%26%20%21%28%3A*",
    "x".repeat(8_000),
  ];
  return [
    row("an unknown parameter", "surprise=1", invalid),
    row("tenantId", "tenantId=6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e01", invalid),
    row("__proto__", "__proto__=1", invalid),
    row("a list by brackets", "kind%5B%5D=cmr", invalid),
    ...known.flatMap(({ name, schema, required }) => [
      row(`${name} twice`, `${name}=1&${name}=2`, invalid),
      ...(required
        ? []
        : tricky.map((value) => row(`${name}=${value.slice(0, 20)}`, `${name}=${value}`, "any"))),
      ...edgesOf(schema).map((value) =>
        row(`${name}=${value}`, `${name}=${encodeURIComponent(value)}`, required ? invalid : "any"),
      ),
    ]),
  ];
}

/** Values at the ends of what a schema allows and just beyond. */
function edgesOf({ type, format, maxLength }: Schema): string[] {
  if (type === "integer") return ["-1", "0", "1e2", "1e309", "NaN", "0x10", "1.0", "9007199254740993"];
  if (format === "date-time")
    return [
      "0000-01-01T00:00:00Z",
      "9999-12-31T23:59:59.999Z",
      "2026-02-30T00:00:00Z",
      "2026-01-01T24:00:00Z",
    ];
  const cursor = (text: string) => Buffer.from(text).toString("base64url");
  const id = "019a0000-0000-7000-8000-000000000000";
  const cursors = [cursor(`9999999999999.${id}`), cursor(`0.${id}`), cursor(`-1.${id}`), cursor("1.x")];
  return [...(maxLength ? ["y".repeat(maxLength), "y".repeat(maxLength + 1)] : []), ...cursors];
}

function hostilePaths({ path }: Operation, valid: Valid): Hostile[] {
  if (!path.includes("{")) return [];
  const query = valid.path.includes("?") ? `?${valid.path.split("?")[1]!}` : "";
  const ids = [
    "1",
    "%00",
    "%2e%2e",
    "..%2f..%2fme",
    "00000000-0000-0000-0000-00000000000g",
    "*",
    "%27%20or%201=1",
    "x".repeat(4_000),
    "[object%20Object]",
  ];
  return ids.map((id) => ({
    what: `path: ${id.slice(0, 40)}`,
    sent: { ...valid, path: `${path.replace(/\{\w+\}/, id)}${query}` },
    expected: invalid,
  }));
}

function hostileHeaders({ parameters, security }: Operation, valid: Valid): Hostile[] {
  const texts = ["", "*", '"', 'W/"', '"1', "x".repeat(4_000), '"1-a", "2-b"', "\u00ff"];
  const rows = parameters
    .filter((one) => one.in === "header")
    .flatMap(({ name }) => texts.map((text) => [name, text] as const));
  const others = [
    ["x-forwarded-for", "10.0.0.1"],
    ["x-tenant-id", "b82f4e90-51c7-4f6a-8a13-7d2e9c604f02"],
    ["x-http-method-override", "DELETE"],
  ] as const;
  return [...rows, ...(security === "ticket" ? [] : others)].map(([name, text]) => ({
    what: `header: ${name}: ${text.slice(0, 20)}`,
    sent: { ...valid, headers: { ...valid.headers, [name.toLowerCase()]: text } },
    expected: "any" as const,
  }));
}

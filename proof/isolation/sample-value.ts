import * as fc from "fast-check";
import type { Schema } from "./described-operation.ts";

/** What to put where a schema alone does not tell; ways are names joined by dots, a list adds none (`files.name`). */
export type Wish = {
  /** The value for a way; undefined leaves it to the schema. */
  known: (way: string) => unknown;
  /** Fields to give although they may be left out; the rest is as little as the schema allows. */
  with?: readonly string[];
};

/** A value that a JSON Schema allows. Throws for a schema that it does not understand: then it is to be taught. */
export function sampleValue(schema: Schema, wish: Wish, way = ""): unknown {
  const given = wish.known(way);
  if (given !== undefined) return given;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sampleValue(branchOf(schema.anyOf, wish, way), wish, way);
  switch (schema.type) {
    case "string":
      return sampleText(schema);
    case "integer":
    case "number":
      return Math.min(Math.max(1, schema.minimum ?? 1), schema.maximum ?? 1);
    case "boolean":
      return true;
    case "array":
      return [sampleValue(schema.items ?? {}, wish, way)];
    case "object":
      return sampleObject(schema, wish, way);
    default:
      throw new Error(`no value is known for ${way || "the body"}: ${JSON.stringify(schema)}`);
  }
}

/** Every field that a schema knows, at any depth and in any of its branches, with its own schema. */
export function fieldsOf(schema: Schema, way = ""): { way: string; schema: Schema }[] {
  const branches = (schema.anyOf ?? []).flatMap((branch) => fieldsOf(branch, way));
  const items = schema.items ? fieldsOf(schema.items, way) : [];
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const place = way === "" ? name : `${way}.${name}`;
    return [{ way: place, schema: inner }, ...fieldsOf(inner, place)];
  });
  return [...own, ...items, ...branches];
}

/** The branch in which a wanted field stands; else the last one that is not null. */
function branchOf(branches: Schema[], wish: Wish, way: string): Schema {
  const wanted = branches.find((branch) =>
    fieldsOf(branch, way).some((field) => wish.with?.includes(field.way)),
  );
  return wanted ?? branches.findLast(({ type }) => type !== "null") ?? branches[0]!;
}

function sampleObject(schema: Schema, wish: Wish, way: string): Record<string, unknown> {
  const { properties = {}, required = [], minProperties = 0 } = schema;
  const place = (name: string) => (way === "" ? name : `${way}.${name}`);
  const isWanted = (name: string) =>
    required.includes(name) || wish.with?.some((one) => `${one}.`.startsWith(`${place(name)}.`)) === true;
  const wanted = Object.keys(properties).filter(isWanted);
  const names = wanted.length < minProperties ? Object.keys(properties).slice(0, minProperties) : wanted;
  return Object.fromEntries(names.map((name) => [name, sampleValue(properties[name]!, wish, place(name))]));
}

function sampleText({ format, pattern, maxLength = 8 }: Schema): string {
  if (format === "date-time") return "2026-01-01T00:00:00.000Z";
  if (format === "uri") return "https://example.test/";
  if (!pattern) return "sample".slice(0, maxLength);
  return fc.sample(fc.stringMatching(new RegExp(pattern)), { numRuns: 1, seed: 7 })[0]!;
}

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/**
 * One text for one value (RFC 8785): members in order of their names' UTF-16 units, no spaces, numbers as ECMAScript writes them.
 * Throws for what JSON cannot hold exactly: undefined, functions, NaN, infinities, big integers, lone surrogates.
 */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  switch (typeof value) {
    case "string":
      return text(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
      return JSON.stringify(value);
    case "boolean":
      return String(value);
    case "object":
      return value === null
        ? "null"
        : `{${Object.keys(value)
            .sort()
            .map((name) => member(name, value[name]!))
            .join(",")}}`;
    default:
      throw new TypeError(`${typeof value} has no JSON form`);
  }
}

const member = (name: string, value: Json) => `${text(name)}:${canonicalJson(value)}`;

function text(value: string): string {
  if (!value.isWellFormed()) throw new TypeError("a lone surrogate has no UTF-8 form");
  return JSON.stringify(value);
}

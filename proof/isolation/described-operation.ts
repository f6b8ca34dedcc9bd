import * as z from "zod";

type Json = Record<string, unknown>;
/** A JSON Schema of the description, its references resolved. */
export type Schema = {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  minProperties?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
};
export type Parameter = { name: string; in: "path" | "query" | "header"; required: boolean; schema: Schema };

/** One operation, as the document that the product serves describes it. */
export type Operation = {
  name: string;
  method: string;
  path: string;
  security: "none" | "bearer" | "ticket";
  /** Null unless the operation asks for a token. */
  roles: string[] | null;
  parameters: Parameter[];
  body: Schema | null;
  /** By status; null where the document promises no JSON. `default` is the problem. */
  replies: Record<string, { contentType: string | null; schema: z.ZodType | null }>;
};

type Described = {
  operationId: string;
  security: Json[];
  "x-roles"?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, Reply | { $ref: string }>;
};
type Reply = { content?: Record<string, { schema?: Json }> };
type Document = {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, Json>; responses: Record<string, Reply> };
};

/** Every operation of an OpenAPI document, in its order. */
export function readOperations(document: unknown): Operation[] {
  const { paths, components } = document as Document;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({
      name: described.operationId,
      method: method.toUpperCase(),
      path,
      security: securityOf(described),
      roles: described["x-roles"] ?? null,
      parameters: described.parameters ?? [],
      body: bodyOf(described, components),
      replies: repliesOf(described, components),
    })),
  );
}

function securityOf({ security }: Described): Operation["security"] {
  const [first] = security.flatMap((scheme) => Object.keys(scheme));
  if (first === undefined) return "none";
  if (first === "bearer" || first === "ticket") return first;
  throw new Error(`nobody here knows how to satisfy the security scheme ${first}`);
}

function bodyOf({ requestBody }: Described, { schemas }: Document["components"]): Schema | null {
  const schema = requestBody?.content["application/json"]?.schema;
  return schema ? (resolve(schema, schemas) as Schema) : null;
}

function repliesOf({ responses }: Described, components: Document["components"]): Operation["replies"] {
  const pairs = Object.entries(responses).map(([status, reply]) => {
    const { content = {} } = "$ref" in reply ? components.responses[reply.$ref.split("/").at(-1)!]! : reply;
    const [contentType = null] = Object.keys(content);
    const schema = contentType === null ? undefined : content[contentType]!.schema;
    const resolved = schema && resolve(schema, components.schemas);
    const strict = status === "default" ? resolved : closed(resolved);
    return [status, { contentType, schema: strict ? checkerOf(strict) : null }] as const;
  });
  return Object.fromEntries(pairs);
}

const checkerOf = (schema: unknown): z.ZodType => z.fromJSONSchema(schema as z.core.JSONSchema.BaseSchema);

/** The document lets replies grow, for the sake of old clients; what this very version sends is all in it. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== "object" || node === null) return node;
  const inner = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, closed(value)]));
  const isOpen = inner["type"] === "object" && inner["properties"] && !("additionalProperties" in inner);
  return isOpen ? { ...inner, additionalProperties: false } : inner;
}

function resolve(node: unknown, schemas: Record<string, Json>): unknown {
  if (Array.isArray(node)) return node.map((one) => resolve(one, schemas));
  if (typeof node !== "object" || node === null) return node;
  if ("$ref" in node) return resolve(schemas[String(node.$ref).split("/").at(-1)!], schemas);
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, resolve(value, schemas)]));
}

import * as z from "zod";
import * as api from "./api.ts";
import * as shapes from "./api-shapes.ts";
import { problemCodes } from "./problem-codes.ts";

type Json = Record<string, unknown>;

/** Routes whose repeated request answers 200 in place of the status of the first. */
const repeatable: Partial<Record<api.RouteName, string>> = {
  acceptUpload: "The same request was accepted before; the answer is the same",
};

/** This API as an OpenAPI 3.1 document, made from the route table; `publicUrl` is where it is served. */
export function describeApi(publicUrl: string): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(api.routes) as [api.RouteName, api.Route][]) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(name, route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Strongroom",
      version: "1.0.0",
      description: "A document pipeline in which every document ends in a state that somebody can prove.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: publicUrl }],
    paths,
    components: { schemas: componentSchemas(), responses: { Problem: problemResponse() }, securitySchemes },
  };
}

const securitySchemes = {
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "An access token of the configured OIDC issuer.",
  },
  ticket: {
    type: "apiKey",
    in: "query",
    name: "ticket",
    description: "From `POST /v1/documents/{id}/tickets`; lives 60 seconds.",
  },
};

function operation(name: api.RouteName, route: api.Route): Json {
  const parameters = [...parametersOf("path", route.params), ...parametersOf("query", route.query)];
  if (name === "editDocument" || name === "holdDocument") parameters.push(ifMatch);
  if (route.method === "GET" && route.reply.schema) parameters.push(ifNoneMatch);
  return {
    operationId: name,
    summary: route.summary,
    tags: [route.path.replace(/^\/v1/, "").split("/")[1]],
    security: securityOf(route.access),
    ...(typeof route.access !== "string" && { "x-roles": route.access }),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: { required: true, content: jsonContent(route.body) } }),
    responses: responsesOf(name, route),
  };
}

const ifMatch = header("If-Match", "The ETag of the document that the edit starts from");
const ifNoneMatch = header("If-None-Match", "ETags that the client holds; 304 when one of them is current");

function header(name: string, description: string): Json {
  return { name, in: "header", required: false, description, schema: { type: "string" } };
}

function securityOf(access: api.Access): Json[] {
  if (access === "public") return [];
  return access === "ticket" ? [{ ticket: [] }] : [{ bearer: [] }];
}

function responsesOf(name: api.RouteName, { method, reply, summary }: api.Route): Json {
  const success = { description: summary, ...contentOf(reply) };
  const repeated = repeatable[name];
  return {
    [reply.status]: success,
    ...(repeated && { 200: { ...success, description: repeated } }),
    ...(method === "GET" && reply.schema && { 304: { description: "Nothing has changed" } }),
    default: { $ref: "#/components/responses/Problem" },
  };
}

function contentOf({ schema, contentType }: api.Route["reply"]): Json {
  if (schema) return { content: jsonContent(schema) };
  return contentType ? { content: { [contentType]: {} } } : {};
}

function problemResponse(): Json {
  const wait = {
    description: "Seconds after which the same request may succeed",
    schema: { type: "integer" },
  };
  return {
    description: describeProblems(),
    headers: { "Retry-After": wait },
    content: { "application/problem+json": { schema: { $ref: reference("Problem") } } },
  };
}

/** A table in Markdown, which OpenAPI reads descriptions as. */
function describeProblems(): string {
  const lines = [...problemCodes].map(
    ([code, { status, remedy }]) => `| \`${code}\` | ${status} | ${remedy} |`,
  );
  return [
    "Why it was refused, as problem details (RFC 9457). What a client does goes by `code`; by its status for one that it does not know.",
    "",
    "| code | status | what to do |",
    "| --- | --- | --- |",
    ...lines,
  ].join("\n");
}

/** Every schema that api-shapes.ts exports, by its name there: what is named once is described once. */
const named: ReadonlyMap<string, z.ZodType> = new Map(
  Object.entries(shapes).flatMap(([name, value]) =>
    value instanceof z.ZodType ? [[name, value] as const] : [],
  ),
);
const nameOf = new Map([...named].map(([name, schema]) => [schema, name]));
const reference = (name: string) => `#/components/schemas/${name}`;

/** Each field of an edit may be left out, all of them may not; a refinement does not show in a JSON Schema. */
const edits = new Set<z.ZodType>([shapes.EditDocumentRequest, shapes.EditMeRequest]);
type Converted = { zodSchema: z.core.$ZodType; jsonSchema: z.core.JSONSchema.BaseSchema };

/** As input: that is what a client may send, and of a reply it promises no more than what stands there. */
const conversion = {
  io: "input",
  target: "draft-2020-12",
  unrepresentable: "throw",
  /** The format says it all; the pattern of a date with its leap years fills a screen. */
  override: ({ zodSchema, jsonSchema }: Converted) => {
    if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    if (edits.has(zodSchema as z.ZodType)) jsonSchema.minProperties = 1;
  },
} as const;

function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of named) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...conversion, uri: reference });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIdentity(schema)]));
}

function jsonContent(schema: z.ZodType): Json {
  const name = nameOf.get(schema);
  return {
    "application/json": {
      schema: name ? { $ref: reference(name) } : withoutIdentity(z.toJSONSchema(schema, conversion)),
    },
  };
}

function parametersOf(place: "path" | "query", schema: z.ZodObject | undefined): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, conversion);
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as z.core.JSONSchema.BaseSchema;
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
}

/** `$schema` and `$id` stand once, for the whole document. */
function withoutIdentity({ $schema: _schema, $id: _id, ...schema }: Json): Json {
  return schema;
}

import { describe, expect, test } from "vitest";
import { type Route, routes } from "./api.ts";
import { documentLimits } from "./document/document.ts";
import { describeApi } from "./openapi.ts";

type Node = Record<string, unknown>;
type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  security: Record<string, string[]>[];
  parameters?: { name: string; in: string; required: boolean; description?: string; schema: Node }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Node }> };
  responses: Record<
    string,
    { description?: string; $ref?: string; content?: Record<string, { schema?: Node }> }
  >;
};
type Document = {
  openapi: string;
  info: Node;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Node>;
    responses: Record<string, Node>;
    securitySchemes: Record<string, Node>;
  };
};

const document = JSON.parse(JSON.stringify(describeApi("https://strongroom.example"))) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Every object in a JSON value, with the way to it. */
function* nodesOf(value: unknown, way = "#"): Generator<{ way: string; node: Node }> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield { way, node: value as Node };
  for (const [name, inner] of Object.entries(value))
    yield* nodesOf(inner, `${way}/${name.replaceAll("/", "~1")}`);
}

function resolve(reference: string): unknown {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((node, step) => (node as Node | undefined)?.[step], document);
}

const jsonTypes = ["string", "number", "integer", "boolean", "object", "array", "null"];

/** What a JSON Schema 2020-12 of ours may be made of; anything else was put there by mistake. */
function faultsOf(way: string, schema: Node): string[] {
  const types = [schema["type"] ?? []].flat() as string[];
  const {
    pattern,
    required,
    enum: values,
    properties,
  } = schema as { pattern?: string; required?: string[]; enum?: unknown[]; properties?: Node };
  const counts = ["minItems", "maxItems", "minLength", "maxLength", "minProperties"].filter(
    (name) => name in schema && !Number.isInteger(schema[name]),
  );
  return [
    ...counts.map((name) => `${way}: ${name} is no whole number`),
    ...types.filter((type) => !jsonTypes.includes(type)).map((type) => `${way}: type ${type}`),
    ...(pattern === undefined || isPattern(pattern) ? [] : [`${way}: pattern`]),
    ...(required ?? [])
      .filter((name) => !(name in (properties ?? {})))
      .map((name) => `${way}: requires ${name}`),
    ...(values?.length === 0 ? [`${way}: empty enum`] : []),
    ...("$schema" in schema || "$id" in schema ? [`${way}: has an identity of its own`] : []),
  ];
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, "u") instanceof RegExp;
  } catch {
    return false;
  }
}

describe("the description of the API", () => {
  test("is OpenAPI 3.1 with a title, a version and the address it is served at", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    expect(document.servers).toEqual([{ url: "https://strongroom.example" }]);
  });

  test("holds every route once, and nothing but routes", () => {
    const described = operations.map(
      ({ path, method, operation }) => `${operation.operationId} ${method.toUpperCase()} ${path}`,
    );
    expect(described.toSorted()).toEqual(
      Object.entries(routes)
        .map(([name, { method, path }]) => `${name} ${method} ${path}`)
        .toSorted(),
    );
  });

  test("names who may call as the route does", () => {
    for (const { operation } of operations) {
      const { access }: Route = routes[operation.operationId as keyof typeof routes];
      const expected = access === "public" ? [] : [access === "ticket" ? { ticket: [] } : { bearer: [] }];
      expect(operation.security, operation.operationId).toEqual(expected);
      if (typeof access !== "string") expect(operation).toMatchObject({ "x-roles": access });
    }
    for (const scheme of operations.flatMap(({ operation }) => operation.security.flatMap(Object.keys))) {
      expect(document.components.securitySchemes).toHaveProperty(scheme);
    }
  });

  test("declares each {parameter} of a path, required, and each parameter once", () => {
    for (const { path, operation } of operations) {
      const parameters = operation.parameters ?? [];
      const inPath = parameters.filter((parameter) => parameter.in === "path");
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(inPath.every(({ required }) => required)).toBe(true);
      expect(new Set(parameters.map((parameter) => `${parameter.in} ${parameter.name}`)).size).toBe(
        parameters.length,
      );
      for (const parameter of parameters) expect(parameter.schema, parameter.name).toHaveProperty("type");
    }
  });

  test("describes the status, the type and the schema of each answer, and problems for all else", () => {
    for (const { operation } of operations) {
      const { reply }: Route = routes[operation.operationId as keyof typeof routes];
      const success = operation.responses[reply.status]!;
      const type = reply.contentType ?? (reply.schema ? "application/json" : null);
      expect(Object.keys(success.content ?? {}), operation.operationId).toEqual(type ? [type] : []);
      if (reply.schema) expect(success.content!["application/json"]).toHaveProperty("schema");
      expect(operation.responses["default"]).toEqual({ $ref: "#/components/responses/Problem" });
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^([1-5]\d\d|default)$/);
        expect(response.$ref ?? response.description).toBeTruthy();
      }
    }
    expect(document.components.responses["Problem"]).toMatchObject({
      content: { "application/problem+json": {} },
    });
  });

  test("says that a repeated announcement is answered 200", () => {
    const { responses } = document.paths["/v1/documents"]!["post"]!;
    expect(responses["200"]!.content).toEqual(responses["201"]!.content);
  });

  test("refers only to what is there", () => {
    const references = [...nodesOf(document)].flatMap(({ node }) =>
      typeof node["$ref"] === "string" ? [node["$ref"]] : [],
    );
    expect(references.length).toBeGreaterThan(20);
    expect(
      references.filter((reference) => !reference.startsWith("#/") || resolve(reference) === undefined),
    ).toEqual([]);
  });

  test("is made of sound JSON Schemas", () => {
    const roots = [
      ...Object.entries(document.components.schemas),
      ...operations.flatMap(({ operation }) =>
        (operation.parameters ?? []).map((parameter) => [parameter.name, parameter.schema] as const),
      ),
    ];
    const faults = roots.flatMap(([name, root]) =>
      [...nodesOf(root, name)]
        .filter(({ way }) => !/\/(properties|enum|required)$/.test(way))
        .flatMap(({ way, node }) => faultsOf(way, node)),
    );
    expect(faults).toEqual([]);
  });

  test("tells clients which fields a request must have and that others are refused", () => {
    expect(document.components.schemas["AcceptUploadRequest"]).toMatchObject({
      type: "object",
      required: ["id", "kind", "files"],
      additionalProperties: false,
      properties: { files: { items: { $ref: "#/components/schemas/FileDeclaration" } } },
    });
  });

  test("tells clients that an edit must name something", () => {
    for (const name of ["EditDocumentRequest", "EditMeRequest"])
      expect(document.components.schemas[name], name).toMatchObject({ minProperties: 1 });
    expect(document.components.schemas["AcceptUploadRequest"]).not.toHaveProperty("minProperties");
  });

  test("says what each query parameter is", () => {
    const wordless = operations.flatMap(({ operation }) =>
      (operation.parameters ?? [])
        .filter(({ in: place, description }) => place === "query" && !description)
        .map(({ name }) => `${operation.operationId} ${name}`),
    );
    expect(wordless).toEqual([]);
    expect(document.paths["/v1/documents"]!["get"]!.parameters!.map(({ name }) => name)).toContain("code");
  });

  test("says what each field of a document, of a request about one and of a problem is", () => {
    const names = ["FileDeclaration", "AcceptUploadRequest", "EditDocumentRequest", "HoldRequest"];
    names.push("UploadRequest", "FileUpload", "DocumentSummary", "DocumentView", "Problem", "Health");
    names.push("ArtefactView");
    const wordless = names.flatMap((name) =>
      [...nodesOf(document.components.schemas[name], name)].flatMap(({ way, node }) =>
        Object.entries((node["properties"] ?? {}) as Record<string, Node>).flatMap(([field, one]) =>
          one["description"] ? [] : [`${way}.${field}`],
        ),
      ),
    );
    expect(wordless).toEqual([]);
  });

  test("tells clients the limits of a document, which are refused with codes of their own", () => {
    const { schemas } = document.components;
    expect(schemas["FileDeclaration"]).toMatchObject({
      properties: { sizeBytes: { minimum: 1, maximum: documentLimits.fileBytes }, parts: { maxItems: 7 } },
    });
    for (const name of ["AcceptUploadRequest", "EditDocumentRequest"])
      expect(schemas[name]).toMatchObject({ properties: { files: { minItems: 1, maxItems: 50 } } });
  });

  test("knows the further members of problems", () => {
    expect(Object.keys(document.components.schemas["Problem"]!["properties"] as Node)).toEqual(
      expect.arrayContaining(["faults", "missing", "supersededBy"]),
    );
  });

  test("lets replies and problems grow: a client must not refuse a field that it does not know", () => {
    for (const name of ["DocumentView", "UploadReply", "Problem"]) {
      expect(document.components.schemas[name], name).not.toHaveProperty("additionalProperties");
    }
  });
});

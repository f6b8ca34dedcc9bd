import { isDeepStrictEqual } from "node:util";
import { expressionBuilder, sql } from "kysely";
import type { Tables } from "@strongroom/core/database/tables";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { playHistory } from "../history.ts";
import { NotModelled } from "../world/faults.ts";
import { build, Hole, nodeOf } from "./build.ts";
import { Builder } from "./builder.ts";
import { kyselyOver } from "./kysely-nodes.ts";

/** What is remembered of a shape, with the values of this statement in its holes. */
const remembered = (statement: Builder) =>
  plain(nodeOf(statement), (one) => (one instanceof Hole ? statement.parameters[one.at] : one));
/** What kysely builds when it is told all of this statement anew. */
const built = (statement: Builder) =>
  plain(
    build(statement, (value) => value),
    (one) => one,
  );

/** A node as plain data. Kysely keeps lists of plain values in a node of their own: here every list is one of values. */
function plain(node: unknown, valueOf: (one: unknown) => unknown): unknown {
  const given = valueOf(node);
  if (Array.isArray(given)) return given.map((one) => plain(one, valueOf));
  if (typeof given !== "object" || given === null || given instanceof Date || given instanceof Uint8Array)
    return given;
  const { kind, value, values } = given as { kind?: string; value?: unknown; values?: unknown[] };
  if (kind === "ValueNode") return plain(value, valueOf);
  if (kind === "PrimitiveValueListNode" || kind === "ValueListNode") return plain(values, valueOf);
  return Object.fromEntries(Object.entries(given).map(([name, one]) => [name, plain(one, valueOf)]));
}

it("what is remembered of a statement is what kysely builds of its calls, in twenty histories", async () => {
  const answered = vi.spyOn(Builder.prototype, "answer");
  onTestFinished(() => answered.mockRestore());
  for (let seed = 0; seed < 20; seed++) await playHistory(seed);
  const statements = answered.mock.contexts as Builder[];
  for (const statement of statements)
    if (!isDeepStrictEqual(remembered(statement), built(statement)))
      expect(remembered(statement)).toEqual(built(statement));
  expect(statements.length).toBeGreaterThan(1_000);
  expect(new Set(statements.map(({ shape }) => shape)).size).toBeGreaterThan(50);
});

afterEach(() => void (NotModelled.last = null)); // the next run would end with it

const query = () => kyselyOver(() => Promise.resolve({ rows: [], affected: 0 }));
const shapeOf = (statement: unknown) => (statement as Builder).shape;
const parametersOf = (statement: unknown) => (statement as Builder).parameters;

describe("a statement", () => {
  const named = (name: string) => query().selectFrom("tenant").select("id").where("name", "=", name);

  it("has the shape of another that differs in its values alone", () => {
    expect(shapeOf(named("One"))).toBe(shapeOf(named("Other")));
    expect(parametersOf(named("Other"))).toEqual(["Other"]);
  });

  it("has a shape of its own when a word of it is another", () => {
    const of = (column: "id" | "name") => query().selectFrom("tenant").select("id").where(column, "=", "One");
    expect(shapeOf(of("id"))).not.toBe(shapeOf(of("name")));
  });

  it("has a shape of its own when a column is compared with null, which is a word in SQL", () => {
    const held = (until: Date | null) =>
      query()
        .selectFrom("document")
        .select("id")
        .where((is) => is.and({ held_until: until }));
    expect(shapeOf(held(new Date()))).not.toBe(shapeOf(held(null)));
    expect(parametersOf(held(null))).toEqual([]);
  });

  it("that went two ways keeps the values of each", () => {
    const begun = named("One");
    const [one, other] = [begun.where("id", "=", "1"), begun.where("id", "=", "2")];
    expect([one, other, begun].map((way) => parametersOf(way).slice(0, shapeOf(way).holes))).toEqual([
      ["One", "1"],
      ["One", "2"],
      ["One"],
    ]);
  });

  it("takes the values of the parts within it where they stand", () => {
    const older = (bytes: number) => sql<boolean>`size_bytes > ${bytes}`;
    const statement = query()
      .selectFrom("document")
      .select("id")
      .where("state", "=", "stored")
      .where((is) => is.not(is.exists(named("One").where(older(7)))))
      .where("kind", "=", "cmr") as unknown as Builder;
    expect(statement.parameters).toEqual(["stored", "One", 7, "cmr"]);
    expect(remembered(statement)).toEqual(built(statement));
  });

  it("keeps its own values when a callback goes on from the very builder that asks it", () => {
    const begun = named("One");
    const statement = begun
      .where((is) => is.exists(begun.where("id", "=", "inner")))
      .where("id", "=", "outer");
    expect(parametersOf(statement)).toEqual(["One", "One", "inner", "outer"]);
    expect(remembered(statement as unknown as Builder)).toEqual(built(statement as unknown as Builder));
  });

  it("tells a piece of SQL from a name of the same letters", () => {
    const ordered = (by: "name" | ReturnType<typeof sql.raw>) =>
      query()
        .selectFrom("tenant")
        .orderBy(by as "name");
    expect(shapeOf(ordered("name"))).not.toBe(shapeOf(ordered(sql.raw("name"))));
  });

  it("with an expression in a list of values ends the simulation", () => {
    const listed = () =>
      query()
        .selectFrom("tenant")
        .where("name", "in", ["One", sql<string>`lower(id)`]);
    expect(listed).toThrow("no list of values with expressions");
  });

  it("may hold what a module built with kysely's own builder, once", () => {
    const count = expressionBuilder<Tables, "document">().fn.countAll<number>().as("all");
    const counted = () => query().selectFrom("document").select(count);
    expect(shapeOf(counted())).toBe(shapeOf(counted()));
  });

  it("that asks kysely for something unknown here ends the simulation", () => {
    expect(() => query().selectFrom("tenant").groupBy("id")).toThrow("does not know kysely's groupBy");
    expect(() =>
      query()
        .selectFrom("tenant")
        .select(({ fn }) => fn.sum("name").as("all")),
    ).toThrow("does not know kysely's sum");
  });
});

import { testDatabase, type TestDatabase } from "@strongroom/local/test-database";
import { seed, seededPeople } from "@strongroom/local/seed";
import * as fc from "fast-check";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Transaction } from "../ports/database.ts";
import { withTenant } from "./with-tenant.ts";

let database: TestDatabase;
let pool: pg.Pool;
const { tenantId } = seededPeople[0]!;
beforeAll(async () => {
  database = await testDatabase();
  await seed(database.connections.owner);
  pool = new pg.Pool({ ...database.connections.app, max: 2, pipeline: true } as pg.PoolConfig);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** A pool that notes every statement in the order in which it is handed to the connection. */
function recording() {
  const texts: string[] = [];
  const connect = async () => {
    const client = await pool.connect();
    const query = (...given: unknown[]) => {
      const [statement, values] = given as [string | { text: string; values?: unknown[] }, unknown[]?];
      const { text, parameters } =
        typeof statement === "string"
          ? { text: statement, parameters: values }
          : { text: statement.text, parameters: statement.values };
      texts.push([text, ...(parameters ?? [])].map(String).join(" "));
      return (client.query as (...query: unknown[]) => unknown).apply(client, given);
    };
    return new Proxy(client, {
      get: (target, name) => (name === "query" ? query : (Reflect.get(target, name) as unknown)),
    });
  };
  return { texts, pool: { connect } as unknown as pg.Pool };
}

/** The forms in which use-cases make statements; each bears its number. */
const forms: Record<string, (tx: Transaction, number: number) => Promise<unknown>> = {
  raw: (tx, number) => sql`select ${`#${number}`}::text`.execute(tx),
  select: (tx, number) =>
    tx.selectFrom("document_kind").select("name").where("name", "=", `#${number}`).execute(),
  first: (tx, number) =>
    tx.selectFrom("document_kind").select("name").where("name", "=", `#${number}`).executeTakeFirst(),
  update: (tx, number) =>
    tx
      .updateTable("document")
      .set({ note: `#${number}` })
      .where("id", "is", null)
      .execute(),
  with: (tx, number) =>
    tx
      .with("named", (db) => db.selectFrom("document_kind").select("name").where("name", "=", `#${number}`))
      .selectFrom("named")
      .selectAll()
      .execute(),
};
const numbersIn = (texts: string[]) => texts.flatMap((text) => /#(\d+)/.exec(text)?.[1] ?? []).map(Number);

describe("statements of one transaction", () => {
  it("reach the server in the order in which they are made, whatever their form and however little lies between", async () => {
    const steps = fc.array(
      fc.record({ form: fc.constantFrom(...Object.keys(forms)), ticks: fc.integer({ min: 0, max: 12 }) }),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const { texts, pool: recorded } = recording();
        await withTenant(recorded, tenantId, async (tx) => {
          const made: Promise<unknown>[] = [];
          for (const [number, { form, ticks }] of plan.entries()) {
            for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
            made.push(forms[form]!(tx, number));
          }
          await Promise.all(made);
        });
        expect(numbersIn(texts)).toEqual(plan.map((_, number) => number));
      }),
      { numRuns: 200 },
    );
  });

  it("come after its beginning and before its end", async () => {
    const { texts, pool: recorded } = recording();
    await withTenant(recorded, tenantId, (tx) =>
      Promise.all(Object.values(forms).map((form, number) => form(tx, number))),
    );
    expect(texts.slice(0, 2)).toEqual(["begin", `select enter_tenant($1) ${tenantId}`]);
    expect(texts.at(-1)).toBe("commit");
    expect(texts).toHaveLength(3 + Object.keys(forms).length);
  });
});

describe("a transaction in which a statement failed", () => {
  const note = (tx: Transaction, consumer: string) =>
    tx
      .insertInto("inbox_version")
      .values({ tenant_id: tenantId, consumer, document_id: tenantId, version: 1 })
      .execute();
  const noted = () =>
    withTenant(pool, tenantId, async (tx) =>
      (await tx.selectFrom("inbox_version").select("consumer").execute()).map(({ consumer }) => consumer),
    );

  it("is not reported as committed, though nobody told of the failure", async () => {
    const work = withTenant(pool, tenantId, async (tx) => {
      await note(tx, "swallowed");
      await sql`select 1 / 0`.execute(tx).catch(() => {});
      return "done";
    });
    await expect(work).rejects.toThrow("a statement in it had failed");
    expect(await noted()).toEqual([]);
  });

  it("ends with the first error, and what was made beside it is undone", async () => {
    const work = withTenant(pool, tenantId, (tx) =>
      Promise.all([note(tx, "before"), sql`select 1 / 0`.execute(tx), note(tx, "after")]),
    );
    await expect(work).rejects.toMatchObject({ code: "22012" });
    expect(await noted()).toEqual([]);
  });

  it("leaves a connection that the next transaction can use", async () => {
    for (let round = 0; round < 10; round++)
      await withTenant(pool, tenantId, (tx) => sql`select 1 / 0`.execute(tx)).catch(() => {});
    await withTenant(pool, tenantId, (tx) => note(tx, "next"));
    expect(await noted()).toEqual(["next"]);
  });
});

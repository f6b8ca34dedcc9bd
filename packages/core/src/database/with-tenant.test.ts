import { testDatabase, type TestDatabase } from "@strongroom/local/test-database";
import { seed, seededPeople } from "@strongroom/local/seed";
import * as fc from "fast-check";
import { sql } from "kysely";
import { withClient } from "./roles.ts";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Transaction } from "../ports/database.ts";
import { StatementNames } from "./statement-names.ts";
import { type Door, inOneTrip, withTenant } from "./with-tenant.ts";

let database: TestDatabase;
let pool: pg.Pool;
let door: Door;
const { tenantId } = seededPeople[0]!;
beforeAll(async () => {
  database = await testDatabase();
  await seed(database.connections.owner);
  pool = new pg.Pool({ ...database.connections.app, max: 2, pipeline: true } as pg.PoolConfig);
  pool.on("error", () => {}); // connections that are being closed are cut off when the database goes
  door = { pool, names: new StatementNames() };
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** A pool that notes every statement in the order in which it is handed to the connection. */
function recording(names: StatementNames | null = null) {
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
  return { texts, door: { pool: { connect } as unknown as pg.Pool, names } };
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
        const { texts, door: recorded } = recording();
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

  it.each([
    {
      where: "where plans are kept",
      names: () => door.names,
      entering: "set local strongroom.tenant = 'ID'",
    },
    { where: "behind a proxy", names: () => null, entering: "select enter_tenant('ID')" },
  ])("come after its beginning and before its end, $where", async ({ names, entering }) => {
    const { texts, door: recorded } = recording(names());
    await withTenant(recorded, tenantId, (tx) =>
      Promise.all(Object.values(forms).map((form, number) => form(tx, number))),
    );
    expect(texts[0]).toBe(`begin; ${entering.replace("ID", tenantId)}`);
    expect(texts.at(-1)).toBe("commit");
    expect(texts).toHaveLength(2 + Object.keys(forms).length);
  });
});

it.each([
  { where: "where plans are kept", names: () => new StatementNames() },
  { where: "behind a proxy", names: () => null },
])("a tenant is entered for its transaction alone, $where", async ({ names }) => {
  const own: Door = {
    pool: new pg.Pool({ ...database.connections.app, max: 1, pipeline: true } as pg.PoolConfig),
    names: names(),
  };
  const entered = sql<{ tenant: string | null }>`select current_tenant() as tenant`;
  try {
    for (const work of [withTenant, inOneTrip])
      expect((await work(own, tenantId, (tx) => entered.execute(tx))).rows).toEqual([{ tenant: tenantId }]);
    const failing = withTenant(own, tenantId, (tx) => sql`select 1 / 0`.execute(tx));
    await expect(failing).rejects.toThrow("division by zero");
    const after = await own.pool.query<{ tenant: string | null }>("select current_tenant() as tenant");
    expect(after.rows).toEqual([{ tenant: null }]);
  } finally {
    await own.pool.end();
  }
});

const note = (tx: Transaction, consumer: string) =>
  tx
    .insertInto("inbox_version")
    .values({ tenant_id: tenantId, consumer, document_id: tenantId, version: 1 })
    .execute();
const noted = () =>
  inOneTrip(door, tenantId, async (tx) =>
    (await tx.selectFrom("inbox_version").select("consumer").execute()).map(({ consumer }) => consumer),
  );

describe("a transaction of one trip", () => {
  it("sends its opening, its statements and its end before the first answer", async () => {
    const { texts, door: recorded } = recording();
    const sent = await inOneTrip(recorded, tenantId, async (tx) => {
      const working = Promise.all(Object.values(forms).map((form, number) => form(tx, number)));
      await Promise.resolve();
      const before = texts.length;
      await working;
      return before;
    });
    expect(texts).toHaveLength(sent);
    expect(numbersIn(texts)).toEqual(Object.keys(forms).map((_, number) => number));
    expect(texts.at(-1)).toBe("commit");
  });

  it("refuses a statement that comes after the first answer, since it would be outside of the transaction", async () => {
    const work = inOneTrip(door, tenantId, async (tx) => {
      await sql`select 1`.execute(tx);
      await note(tx, "late");
    });
    await expect(work).rejects.toThrow("after its transaction had left");
    expect(await noted()).not.toContain("late");
  });

  it("keeps nothing when a statement failed, whether the work tells of it or not", async () => {
    const told = inOneTrip(door, tenantId, (tx) =>
      Promise.all([note(tx, "half"), sql`select 1 / 0`.execute(tx), note(tx, "other half")]),
    );
    await expect(told).rejects.toMatchObject({ code: "22012" });
    const swallowed = inOneTrip(door, tenantId, (tx) =>
      Promise.all([note(tx, "half"), sql`select 1 / 0`.execute(tx).catch(() => {})]),
    );
    await expect(swallowed).rejects.toThrow("a statement in it had failed");
    expect(await noted()).not.toContain("half");
  });

  it("ends the transaction of work that throws before it made a statement", async () => {
    const work = () => {
      throw new Error("no cursor");
    };
    await expect(inOneTrip(door, tenantId, work)).rejects.toThrow("no cursor");
    const open = await withClient(database.superuser, (client) =>
      client.query(
        "select from pg_stat_activity where datname = current_database() and state ~ 'idle in transaction'",
      ),
    );
    expect(open.rows).toEqual([]);
  });

  it("hands on what the work throws by itself, and leaves a connection that the next one can use", async () => {
    for (let round = 0; round < 5; round++) {
      const work = inOneTrip(door, tenantId, async (tx) => {
        await sql`select 1`.execute(tx);
        throw new Error("thought better of it");
      });
      await expect(work).rejects.toThrow("thought better of it");
    }
    await inOneTrip(door, tenantId, (tx) => note(tx, "one trip"));
    expect(await noted()).toContain("one trip");
  });
});

describe("kept statements", () => {
  const kinds = () => inOneTrip(door, tenantId, (tx) => tx.selectFrom("document_kind").selectAll().execute());

  it("are planned anew when a migration changed what they answer, and nobody notices", async () => {
    const before = await kinds();
    await withClient(database.connections.owner, (client) =>
      client.query("alter table document_kind add column colour text"),
    );
    const after = before.map((kind) => ({ ...kind, colour: null }));
    const inTwo = withTenant(door, tenantId, (tx) => tx.selectFrom("document_kind").selectAll().execute());
    expect(await Promise.all([kinds(), inTwo, kinds()])).toEqual([after, after, after]);
  });

  it("have one name per text, up to a limit beyond which there is none", () => {
    const names = new StatementNames();
    const of = (number: number) => names.of(`select ${number}`);
    const given = Array.from({ length: StatementNames.most }, (_, number) => of(number));
    expect(new Set(given).size).toBe(StatementNames.most);
    expect(of(0)).toBe(given[0]);
    expect(of(StatementNames.most)).toBeUndefined();
  });
});

describe("a transaction in which a statement failed", () => {
  it("is not reported as committed, though nobody told of the failure", async () => {
    const work = withTenant(door, tenantId, async (tx) => {
      await note(tx, "swallowed");
      await sql`select 1 / 0`.execute(tx).catch(() => {});
      return "done";
    });
    await expect(work).rejects.toThrow("a statement in it had failed");
    expect(await noted()).not.toContain("swallowed");
  });

  it("ends with the first error, and what was made beside it is undone", async () => {
    const work = withTenant(door, tenantId, (tx) =>
      Promise.all([note(tx, "before"), sql`select 1 / 0`.execute(tx), note(tx, "after")]),
    );
    await expect(work).rejects.toMatchObject({ code: "22012" });
    expect(await noted()).not.toContain("before");
  });

  it("tells the fault that all others follow from, whichever of them the work hears of first", async () => {
    const work = async (tx: Transaction) => {
      sql`select 1 / 0`.execute(tx).catch(() => {}); // heard of by nobody
      await sql`select 1`.execute(tx);
    };
    for (const run of [withTenant, inOneTrip])
      await expect(run(door, tenantId, work)).rejects.toMatchObject({ code: "22012" });
  });

  it("leaves a connection that the next transaction can use", async () => {
    for (let round = 0; round < 10; round++)
      await withTenant(door, tenantId, (tx) => sql`select 1 / 0`.execute(tx)).catch(() => {});
    await withTenant(door, tenantId, (tx) => note(tx, "next"));
    expect(await noted()).toContain("next");
  });
});

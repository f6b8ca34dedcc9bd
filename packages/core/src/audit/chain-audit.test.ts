import { query } from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { withClient } from "@strongroom/core/database/roles";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditRow } from "../database/tables.ts";
import type { TenantId } from "../ids.ts";
import { appendAudit } from "./append-audit.ts";
import { type ChainedEntry, type ChainHead, verifyChain } from "./chain.ts";
import { chainAudit, entryOf } from "./chain-audit.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
beforeEach(() => query(world, "truncate audit, audit_head"));

const tenants = (): [TenantId, TenantId] => [world.dora.tenantId, world.franz.tenantId];

async function append(tenantId: TenantId, detail: Record<string, unknown> = {}): Promise<void> {
  const { ports } = world;
  const note = { actor: "user:x", action: "document.read", subject: newDocumentId(), detail };
  await ports.database.withTenant(tenantId, (tx) => appendAudit(ports, tx, note));
}

/** A tenant's chain as the app role reads it back from the database. */
async function chainOf(tenantId: TenantId): Promise<ChainedEntry[]> {
  const rows = await world.ports.database.withTenant(tenantId, (tx) =>
    tx.selectFrom("audit").selectAll().where("sequence", "is not", null).orderBy("sequence").execute(),
  );
  return rows.map((row: AuditRow) => ({
    sequence: row.sequence!,
    previousHash: row.previous_hash!,
    hash: row.hash!,
    entry: entryOf(row),
  }));
}

const headOf = async (tenantId: TenantId): Promise<ChainHead> => {
  const [head] = await query<{ sequence: string; hash: string }>(
    world,
    "select sequence, hash from audit_head where tenant_id = $1",
    [tenantId],
  );
  return { sequence: Number(head!.sequence), hash: head!.hash };
};

async function chainAll(): Promise<number> {
  let chained = 0;
  for (let more = 1; more > 0; chained += more) more = await chainAudit(world.ports);
  return chained;
}

describe("the audit trail", () => {
  it("becomes one chain per tenant, numbered from 1 without gaps, in the order of its rows", async () => {
    const [one, two] = tenants();
    for (let n = 0; n < 5; n += 1) await append(one, { n });
    for (let n = 0; n < 3; n += 1) await append(two, { n });
    expect(await chainAll()).toBe(8);
    for (const [tenant, length] of [
      [one, 5],
      [two, 3],
    ] as const) {
      const chain = await chainOf(tenant);
      expect(chain.map(({ sequence, entry }) => [sequence, entry.detail["n"]])).toEqual(
        Array.from({ length }, (_, n) => [n + 1, n]),
      );
      expect(verifyChain(chain, await headOf(tenant))).toEqual({
        outcome: "intact",
        head: await headOf(tenant),
      });
    }
    expect(await chainAll()).toBe(0);
  });

  it("verifies as it is read back, whatever its details hold", async () => {
    const [one] = tenants();
    const details = [
      { text: 'ä€😀 \u2028 "quoted"' },
      { deep: { b: [1, 2.5, 1e21, -0, null, true], a: {} } },
      { "": "", "\n": "x" },
      {},
    ];
    for (const detail of details) await append(one, detail);
    await chainAll();
    expect(verifyChain(await chainOf(one), await headOf(one))).toMatchObject({ outcome: "intact" });
  });

  it("stays whole under many writers and two chainers at once", async () => {
    const [one, two] = tenants();
    let isWriting = true;
    const writing = Promise.all(
      Array.from({ length: 200 }, (_, n) => append(n % 3 === 0 ? two : one, { n })),
    ).finally(() => (isWriting = false)); // also when a writer fails: nobody waits for its entry then
    const chaining = (async () => {
      let chained = 0;
      while (isWriting) {
        const rounds = await Promise.allSettled([chainAudit(world.ports), chainAudit(world.ports)]);
        for (const round of rounds) chained += round.status === "fulfilled" ? round.value : 0;
      }
      return chained + (await chainAll());
    })();
    expect(await Promise.all([writing.then(() => true), chaining])).toEqual([true, 200]);
    for (const tenant of [one, two])
      expect(verifyChain(await chainOf(tenant), await headOf(tenant))).toMatchObject({ outcome: "intact" });
    expect((await chainOf(one)).length + (await chainOf(two)).length).toBe(200);
  });

  it("is chained further where the chainer was killed in the middle: all of a batch, or nothing", async () => {
    const [one] = tenants();
    for (let n = 0; n < 4; n += 1) await append(one, { n });
    const { database } = world.ports;
    const withTenant: typeof database.withTenant = (tenantId, work) =>
      database.withTenant(tenantId, async (tx) => {
        await work(tx);
        throw new Error("killed before the commit");
      });
    await expect(chainAudit({ database: { ...database, withTenant } })).rejects.toThrow();
    expect(await chainOf(one)).toEqual([]);
    await chainAll();
    expect(verifyChain(await chainOf(one), await headOf(one))).toMatchObject({
      outcome: "intact",
      head: { sequence: 4 },
    });
  });

  it("of one tenant that cannot be chained does not keep the others' waiting", async () => {
    const [one, two] = tenants();
    const { database } = world.ports;
    for (const tenant of [one, two]) {
      for (const broken of [one, two]) {
        const withTenant: typeof database.withTenant = (tenantId, work) =>
          tenantId === broken
            ? Promise.reject(new Error(`no chain for ${broken}`))
            : database.withTenant(tenantId, work);
        await append(tenant);
        await append(broken);
        const outcome = await chainAudit({ database: { ...database, withTenant } }).catch(
          (error: Error) => error,
        );
        expect(outcome).toBeInstanceOf(Error);
        const waiting = await query<{ tenant_id: string }>(
          world,
          "select distinct tenant_id from audit where sequence is null",
        );
        expect(waiting).toEqual([{ tenant_id: broken }]);
        await chainAll();
      }
    }
  });
});

describe("a round", () => {
  const waiting = async () =>
    (
      await query<{ tenant_id: string }>(
        world,
        "select tenant_id from audit where sequence is null order by id",
      )
    ).map(({ tenant_id }) => tenant_id);

  it("chains the entries of so many tenants, of those first whose oldest one waits longest", async () => {
    const [one, two] = tenants();
    for (const [first, then] of [
      [one, two],
      [two, one],
    ] as const) {
      for (const tenant of [first, then, first]) await append(tenant);
      expect(await chainAudit(world.ports, { most: 1 })).toBe(2);
      expect(await waiting()).toEqual([then]);
      expect(await chainAudit(world.ports, { most: 1 })).toBe(1);
    }
  });

  it("goes on past tenants whose entries cannot be chained, however long they wait", async () => {
    const [broken, sound] = tenants();
    const { database } = world.ports;
    const withTenant: typeof database.withTenant = (tenantId, work) =>
      tenantId === broken ? Promise.reject(new Error("no chain")) : database.withTenant(tenantId, work);
    for (const tenant of [broken, sound]) await append(tenant);
    const round = chainAudit({ database: { ...database, withTenant } }, { most: 1 });
    await expect(round).rejects.toThrow("the audit of 1 tenants could not be chained");
    expect(await waiting()).toEqual([broken]);
  });
});

describe("a chained entry", () => {
  const asApp = async (sql: string, values: unknown[] = []) =>
    await withClient(world.database.connections.app, async (client) => {
      await client.query("begin");
      await client.query("select enter_tenant($1)", [world.dora.tenantId]);
      const { rowCount } = await client.query(sql, values);
      await client.query("commit");
      return rowCount;
    });

  it("cannot be changed, taken out or chained anew by the application itself", async () => {
    await append(world.dora.tenantId);
    await chainAll();
    const before = await query(world, "select * from audit");
    for (const sql of [
      "update audit set actor = 'nobody'",
      "update audit set detail = '{}'",
      "update audit set at = now()",
      "delete from audit",
      "truncate audit",
    ]) {
      await expect(asApp(sql)).rejects.toMatchObject({ code: "42501" });
    }
    expect(await asApp("update audit set hash = repeat('0', 64), previous_hash = '', sequence = 9")).toBe(0);
    await expect(
      asApp(
        "insert into audit (tenant_id, entry_id, actor, action, subject, sequence) values ($1, $2, '', '', '', 9)",
        [world.dora.tenantId, newDocumentId()],
      ),
    ).rejects.toMatchObject({ code: "42501" });
    expect(await query(world, "select * from audit")).toEqual(before);
  });

  it("nor can one of another tenant's be seen or chained", async () => {
    await append(world.franz.tenantId);
    expect(await asApp("select 1 from audit")).toBe(0);
    expect(await asApp("update audit set hash = repeat('0', 64), previous_hash = '', sequence = 1")).toBe(0);
  });
});

describe("what a superuser does to a chained trail is found", () => {
  const edits: [string, string][] = [
    ["another actor", "update audit set actor = 'user:y' where sequence = 3"],
    ["another time, by a millisecond", "update audit set at = at + interval '1 ms' where sequence = 3"],
    ["another detail", `update audit set detail = detail || '{"n": 99}' where sequence = 3`],
    ["another action", "update audit set action = 'document.edited' where sequence = 5"],
    ["another subject", "update audit set subject = 'x' where sequence = 1"],
    ["an entry taken out of the middle", "delete from audit where sequence = 3"],
    [
      "an entry taken out, its number given to the next",
      "delete from audit where sequence = 3; update audit set sequence = sequence - 1 where sequence > 3",
    ],
    ["the first entry taken out", "delete from audit where sequence = 1"],
    ["the tail cut off", "delete from audit where sequence >= 5"],
    [
      "two entries exchanged",
      "update audit set sequence = sequence + 100; update audit set sequence = case sequence when 102 then 3 when 103 then 2 else sequence - 100 end",
    ],
    [
      "an entry of another tenant put in",
      `update audit set tenant_id = '6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e01', sequence = 6 where detail ? 'foreign'`,
    ],
  ];

  it.each(edits)("%s", async (_what, sql) => {
    const [one, two] = tenants();
    for (let n = 0; n < 5; n += 1) await append(one, { n });
    await append(two, { foreign: true });
    await chainAll();
    const head = await headOf(one);
    expect(verifyChain(await chainOf(one), head)).toMatchObject({ outcome: "intact" });
    await query(world, sql);
    expect(verifyChain(await chainOf(one), head)).toMatchObject({ outcome: "broken" });
  });
});

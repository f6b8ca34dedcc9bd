import { randomInt } from "node:crypto";
import { chainAudit } from "@strongroom/core/audit/chain-audit";
import { checkpointAudit } from "@strongroom/core/audit/checkpoint-audit";
import { withClient } from "@strongroom/core/database/roles";
import { receiptKeys } from "@strongroom/core/receipt/receipt-keys";
import type { Actor } from "@strongroom/core/user/user";
import { seededPeople } from "@strongroom/local/seed";
import { seededRandom } from "@strongroom/local/test-random";
import { query } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { proofSize } from "../promises/proof-size.ts";
import { openCheckpoint } from "../check/check-audit.ts";
import { actAtOnce, type Ledger } from "./act.ts";
import { type Client, findTampering, type Locked, readRows } from "./read-evidence.ts";
import { tamperings, unproven } from "./tamper.ts";

const size = { ci: { actions: 500 }, nightly: { actions: 5_000 } }[proofSize()];
const tampered = 200;
const seed = Number(process.env["PROOF_SEED"] ?? randomInt(2 ** 31));

let world: TestWorld;
let ledger: Ledger;
let locked: Locked;
beforeAll(async () => {
  world = await testWorld();
  // A person of a test does more in a second than the quota of a day.
  await query(
    world,
    "update tenant set user_documents_per_day = 1000000, tenant_documents_per_day = 1000000",
  );
  ledger = await actAndChain(size.actions);
  await checkpointAudit(world.ports);
  ledger.push(...(await actAtOnce(world.ports, people(), { actions: 20, atOnce: 4 })));
  await chainAll();
  locked = await readLocked();
  // Whoever is superuser drops what is in the way.
  await query(
    world,
    "alter table audit drop constraint audit_tenant_id_sequence_key, drop constraint audit_entry_id_key",
  );
}, 300_000);
afterAll(() => world.close());

function people(): { actor: Actor; admin: Actor }[] {
  const admins = seededPeople.filter(({ role }) => role === "admin");
  return seededPeople.map((actor) => ({
    actor,
    admin: admins.find(({ tenantId }) => tenantId === actor.tenantId)!,
  }));
}

/** Two chainers and a checkpoint are at work all the while, as when one relay takes over from another. */
async function actAndChain(actions: number): Promise<Ledger> {
  let isOver = false;
  const chaining = [1, 2].map(async () => {
    while (!isOver) await chainAudit(world.ports);
  });
  try {
    const half = { actions: actions / 2, atOnce: 8 };
    const done = await actAtOnce(world.ports, people(), half);
    await checkpointAudit(world.ports);
    return [...done, ...(await actAtOnce(world.ports, people(), half))];
  } finally {
    isOver = true;
    await Promise.all(chaining);
    await chainAll();
  }
}

async function chainAll(): Promise<void> {
  while ((await chainAudit(world.ports)) > 0);
}

async function readLocked(): Promise<Locked> {
  const checkpoints: string[] = [];
  for await (const { key } of world.ports.objects.list("v/checkpoints/"))
    checkpoints.push(await text(await world.ports.objects.read(key)));
  return { checkpoints, jwks: await receiptKeys(world.ports) };
}

/** Does something to the audit as superuser, looks, and takes it back. */
async function after<T>(
  client: Client,
  apply: (client: Client) => Promise<unknown>,
  look: () => Promise<T>,
): Promise<T> {
  await client.query("begin");
  try {
    await apply(client);
    return await look();
  } finally {
    await client.query("rollback");
  }
}

const asSuperuser = <T>(work: (client: Client) => Promise<T>) => withClient(world.database.superuser, work);

/** Where the last checkpoint saw each tenant. */
function lastProven(): Map<string, number> {
  const signed = openCheckpoint(locked.checkpoints.at(-1)!, locked.jwks);
  if (typeof signed === "string") throw new Error(signed);
  return new Map(signed.heads.map(({ tenantId, sequence }) => [tenantId, sequence]));
}

/** Tries every tampering; answers those that nobody found, and how many there were of each kind. */
async function tamper(
  evidence: Locked,
  count = tampered,
): Promise<{ missed: string[]; kinds: Map<string, number> }> {
  return await asSuperuser(async (client) => {
    const scene = { rows: await readRows(client), lastProven: lastProven(), random: seededRandom(seed) };
    const missed: string[] = [];
    const kinds = new Map<string, number>();
    for await (const { kind, title, apply } of tamperings(client, scene, count)) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const faults = await after(client, apply, () => findTampering(client, evidence));
      if (faults.length === 0) missed.push(`${kind}: ${title}`);
    }
    return { missed, kinds };
  });
}

/** Every entry as the ledger writes it. */
async function entriesInWords(): Promise<string[]> {
  const rows = await asSuperuser(readRows);
  return rows.map(({ entry: { tenantId, actor, action, subject } }) =>
    [tenantId, actor, action, subject].join(" "),
  );
}

describe(`the audit of ${size.actions} actions at once`, () => {
  it("has one entry for each that was told to be done, and none for what was refused", async () => {
    expect(ledger.length).toBeGreaterThanOrEqual(size.actions);
    expect((await entriesInWords()).toSorted()).toEqual(ledger.toSorted());
  });

  it("holds for the independent checker, with every row in the chain", async () => {
    const rows = await asSuperuser(readRows);
    expect(rows.filter(({ sequence }) => sequence === null)).toEqual([]);
    expect(locked.checkpoints.length).toBeGreaterThanOrEqual(2);
    expect(await asSuperuser((client) => findTampering(client, locked))).toEqual([]);
  });
});

describe(`what a superuser does to it (PROOF_SEED=${seed})`, () => {
  it(`is found, ${tampered} times of ${tampered}, and nothing is found in what was not touched`, async () => {
    const { missed, kinds } = await tamper(locked);
    console.log(
      [
        `audit: ${ledger.length} actions, ${locked.checkpoints.length} checkpoints; ${tampered - missed.length} of ${tampered} tamperings found:`,
        ...[...kinds].map(([kind, count]) => `  ${String(count).padStart(3)} × ${kind}`),
        `not found, and said so: the order of rows in ${unproven.join(", ")}, which no hash covers; a tail cut off after the last checkpoint`,
      ].join("\n"),
    );
    expect(missed).toEqual([]);
    expect([...kinds.values()].reduce((sum, count) => sum + count)).toBe(tampered);
    expect(await asSuperuser((client) => findTampering(client, locked))).toEqual([]);
  }, 300_000);

  it("after the last checkpoint is not found when it cuts the tail with its head: the window that is stated", async () => {
    const tenant = world.dora.tenantId;
    const faults = await asSuperuser((client) =>
      after(
        client,
        async () => {
          await client.query("delete from audit where tenant_id = $1 and sequence > $2", [
            tenant,
            lastProven().get(tenant),
          ]);
          await client.query(
            `update audit_head h set sequence = a.sequence, hash = a.hash from audit a where h.tenant_id = $1
             and a.tenant_id = $1 and a.sequence = $2`,
            [tenant, lastProven().get(tenant)],
          );
        },
        () => findTampering(client, locked),
      ),
    );
    expect(faults).toEqual([]);
  });
});

describe("a broken build is told from a sound one", () => {
  it("one without checkpoints does not notice what was hashed anew", async () => {
    const { missed } = await tamper({ ...locked, checkpoints: [] }, 40);
    expect(missed.length).toBeGreaterThan(0);
    expect(missed.every((title) => /anew|cut off|whole trail|audit_checkpoint/.test(title))).toBe(true);
  }, 300_000);

  it("one that forgets an entry now and then is not complete", async () => {
    await query(
      world,
      `create function forget() returns trigger language plpgsql as $$ begin
         if new.action = 'device.dropped' then return null; end if; return new; end $$;
       create trigger forget before insert on audit for each row execute function forget()`,
    );
    const told = await actAtOnce(world.ports, people(), { actions: 20, atOnce: 4 });
    await query(world, "drop trigger forget on audit");
    const entries = await entriesInWords();
    const forgotten = told.filter((line) => !entries.includes(line));
    expect(forgotten.length).toBeGreaterThan(0);
    expect(forgotten.every((line) => line.includes("device.dropped"))).toBe(true);
  });
});

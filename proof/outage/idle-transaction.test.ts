import { randomBytes } from "node:crypto";
import type { Client } from "@strongroom/cli/client";
import { systemClock } from "@strongroom/core/clock";
import { sessionLimits, withClient } from "@strongroom/core/database/roles";
import { editDocument } from "@strongroom/core/document/edit-document";
import type { Database } from "@strongroom/core/ports/database";
import { seededPeople } from "@strongroom/local/seed";
import { declare, newDocumentId } from "@strongroom/local/test-world";
import { startWhole, untilQuiet, type WholeSystem } from "@strongroom/local/test-whole";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { judgeFacts } from "../check/judge-facts.ts";
import { tableNames } from "../check/judged-run.ts";
import { proofSize } from "../promises/proof-size.ts";
import { readState } from "../vault/read-state.ts";

/*
 * P4: a transaction that has taken its place in the outbox and then does nothing for a minute, while later places are
 * committed. A relay that went by the last id it saw would never publish it; one that waited for it would hold back all.
 * At the quick size a minute is divided by 15, and the limit that PostgreSQL sets to such a transaction with it.
 */
const divisor = { ci: 15, nightly: 1 }[proofSize()];
const idleMs = 60_000 / divisor;
const limitMs = sessionLimits.idle_in_transaction_session_timeout / divisor;
/** A relay looks twice a second, and signs, chains and publishes: more than this, on a busy machine, is held back. */
const promptMs = 20_000;

const dora = seededPeople.find(({ name }) => name === "Dora Lind")!;
let system: WholeSystem;
let driver: Client;
beforeAll(async () => {
  system = await startWhole();
  driver = await system.clientOf(dora.name);
}, 60_000);
afterAll(() => system.close());

/** What the independent judge finds when the ledger, the stream and the documents are held against each other. */
async function expectSound(): Promise<void> {
  await untilQuiet(system.superuser);
  const state = await readState(system.superuser, system.directory, { tables: tableNames });
  const verdicts = judgeFacts(state).filter(({ id }) => ["I7", "P4"].includes(id));
  expect(verdicts.map(({ id, violations }) => [id, violations])).toEqual([
    ["I7", []],
    ["P4", []],
  ]);
}

async function announce(): Promise<string> {
  const id = newDocumentId();
  const words = { kind: "cmr", loadNumber: null, note: null, replaces: null };
  await driver.call("acceptUpload", { body: { id, ...words, files: [declare(randomBytes(10))] } });
  return id;
}

const edit = (id: string, note: string) => driver.call("editDocument", { params: { id }, body: { note } });

type Fact = { id: number; published: boolean };
/** The fact of a version in the ledger; undefined when it is not there, or not committed. */
async function factOf(documentId: string, version: number): Promise<Fact | undefined> {
  const { rows } = await withClient(system.superuser, (client) =>
    client.query<Fact>(
      "select id::integer, published_at is not null as published from outbox where document_id = $1 and version = $2",
      [documentId, version],
    ),
  );
  return rows[0];
}

/** Milliseconds until a committed fact was published; fails when it is held back. */
async function untilPublished(documentId: string, version: number): Promise<number> {
  const beganMs = systemClock.monotonicMs();
  while (!(await factOf(documentId, version))?.published) {
    const tookMs = systemClock.monotonicMs() - beganMs;
    if (tookMs > promptMs) throw new Error(`version ${version} of ${documentId} is held back`);
    await systemClock.sleep(50);
  }
  return systemClock.monotonicMs() - beganMs;
}

/** An edit, with all that it writes, whose transaction then stands idle until it is let go, or is ended by the limit of its session. */
async function idleEdit(documentId: string, note: string, { isLimited }: { isLimited: boolean }) {
  const [idle, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const withTenant: Database["withTenant"] = (tenantId, work) =>
    system.ports.database.withTenant(tenantId, async (tx) => {
      await sql`
        select set_config(name, (setting::integer / ${isLimited ? divisor : Infinity}::float8)::integer::text, true)
        from pg_settings where name = 'idle_in_transaction_session_timeout'`.execute(tx);
      const result = await work(tx);
      idle.resolve();
      await goOn.promise;
      return result;
    });
  const ports = { ...system.ports, database: { ...system.ports.database, withTenant } };
  const outcome = editDocument(ports, dora, { documentId, ifMatch: null, edit: { note } }).then(
    () => "done",
    (error: Error) => error.message,
  );
  onTestFinished(() => goOn.resolve());
  await Promise.race([idle.promise, outcome]);
  return { outcome, goOn: goOn.resolve };
}

it(`an event whose transaction stood idle for ${idleMs} ms is published when it is committed, behind later ones that did not wait for it`, async () => {
  const [slow, fast] = [await announce(), await announce()];
  const { outcome, goOn } = await idleEdit(slow, "written first", { isLimited: false });
  const beganMs = systemClock.monotonicMs();
  let version = 1;
  while (systemClock.monotonicMs() - beganMs < idleMs || version <= 3) {
    await edit(fast, `written meanwhile, ${version}`);
    await untilPublished(fast, (version += 1));
  }
  expect(await factOf(slow, 2)).toBeUndefined();
  goOn();
  expect(await outcome).toBe("done");
  await untilPublished(slow, 2);
  await expectSound();
  // The trap was there: its place is before all that was published meanwhile.
  expect((await factOf(slow, 2))!.id).toBeLessThan((await factOf(fast, 2))!.id);
}, 180_000);

it(`a transaction of ours that stands idle is ended after ${limitMs} ms: nobody hears of what it wrote, and whoever waited for it goes on`, async () => {
  const [dead, fast] = [await announce(), await announce()];
  const beganMs = systemClock.monotonicMs();
  const { outcome, goOn } = await idleEdit(dead, "never committed", { isLimited: true });
  const waiting = edit(dead, "waited for its turn");
  await edit(fast, "written meanwhile");
  await untilPublished(fast, 2);
  const { document } = await waiting;
  expect(systemClock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(limitMs);
  expect(document).toMatchObject({ note: "waited for its turn" });
  goOn();
  expect(await outcome).toMatch(/terminat|connection/i);
  await untilPublished(dead, 2);
  expect(await factOf(dead, 3)).toBeUndefined();
  await expectSound();
}, 180_000);

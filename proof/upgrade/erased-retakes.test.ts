import { randomBytes } from "node:crypto";
import { prepareDatabase, withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import type {} from "@strongroom/local/test-setup";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { applyMigrations } from "./apply-migrations.ts";

const given = inject("postgres").superuser;
let superuser: Connection;
beforeAll(async () => {
  superuser = { ...given, database: `strongroom_retakes_${randomBytes(8).toString("hex")}` };
  await prepareDatabase(given, superuser.database);
});
afterAll(() =>
  withClient(given, (client) => client.query(`drop database ${superuser.database} with (force)`)),
);

const tenant = "01980000-0000-7000-9000-000000000001";
const idOf = (number: number | null) =>
  number === null ? null : `01980000-0000-7000-8000-${String(number).padStart(12, "0")}`;

/** `replaces`: the document that it is a retake of; `by`: the retake in its own place; `hour`: when it came to rest. */
type Row = { state: string; replaces?: number; by?: number; hour?: number };

async function insert(rows: Record<number, Row>): Promise<void> {
  await withClient(superuser, async (client) => {
    await client.query("set session_replication_role = replica"); // a document begins as granted
    for (const [number, { state, replaces = null, by = null, hour = 0 }] of Object.entries(rows))
      await client.query(
        `insert into document (tenant_id, id, owner_id, kind, state, reason, request_sha256, content_sha256, size_bytes,
           grant_expires_at, changed_at, settled_at, replaces, superseded_by)
         values ($1, $2, $1, 'cmr', $3, 'test', '', '', 1, now(), 'epoch', timestamptz 'epoch' + $4 * interval '1 hour', $5, $6)`,
        [tenant, idOf(Number(number)), state, hour, idOf(replaces), idOf(by)],
      );
  });
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  return (await withClient(superuser, (client) => client.query(sql))).rows;
}
/** What each document is replaced by. */
const replacements = async () =>
  Object.fromEntries(
    (await query("select id, superseded_by as by from document order by id")).map(({ id, by }) => [id, by]),
  );
const expected = (by: Record<number, number | null>) =>
  Object.fromEntries(Object.entries(by).map(([number, one]) => [idOf(Number(number)), idOf(one)]));

it("a document whose retake was erased before erasures saw to it can be replaced again", async () => {
  await applyMigrations(superuser, (name) => name < "0012");
  await insert({
    1: { state: "stored", by: 2 },
    2: { state: "erased" },
    3: { state: "stored", by: 4 },
    4: { state: "stored" },
  });
  await applyMigrations(superuser, (name) => name.startsWith("0012"));
  expect(await replacements()).toEqual(expected({ 1: null, 2: null, 3: 4, 4: null }));
});

it("the place of a retake that was erased before the next one took it is given to that one, and the trail says so", async () => {
  await applyMigrations(superuser, (name) => name >= "0013" && name < "0019");
  await query("truncate document cascade");
  await insert({
    10: { state: "stored" }, // its first retake was erased, and two are left
    11: { state: "erased", replaces: 10, hour: 4 },
    12: { state: "stored", replaces: 10, hour: 3 },
    13: { state: "stored", replaces: 10, hour: 2 },
    20: { state: "stored", by: 21 }, // by a release that knew nothing of it
    21: { state: "erased", replaces: 20, hour: 1 },
    30: { state: "stored", by: 31 }, // as it has to be: of two retakes the first one stays
    31: { state: "stored", replaces: 30, hour: 1 },
    32: { state: "stored", replaces: 30, hour: 2 },
    40: { state: "stored" }, // so is this: what is rejected replaces nothing
    41: { state: "rejected", replaces: 40, hour: 1 },
    50: { state: "erased" },
    51: { state: "stored", replaces: 50, hour: 1 },
  });
  await applyMigrations(superuser, (name) => name.startsWith("0019"));
  const retakes = { 11: null, 12: null, 13: null, 21: null, 31: null, 32: null, 41: null, 51: null };
  expect(await replacements()).toEqual(
    expected({ ...retakes, 10: 13, 20: null, 30: 31, 40: null, 50: null }),
  );
  expect(await query("select id from document where changed_at > 'epoch' order by id")).toEqual([
    { id: idOf(10) },
    { id: idOf(20) },
  ]);
  expect(await query("select subject, action, detail->>'by' as by from audit order by subject")).toEqual([
    { subject: idOf(10), action: "document.superseded", by: idOf(13) },
    { subject: idOf(20), action: "document.reinstated", by: idOf(21) },
  ]);
});

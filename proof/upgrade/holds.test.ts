import { randomBytes } from "node:crypto";
import { prepareDatabase, withClient } from "@strongroom/core/database/roles";
import type {} from "@strongroom/local/test-setup";
import { expect, inject, it } from "vitest";
import { applyMigrations } from "./apply-migrations.ts";

const [tenant, until] = ["01980000-0000-7000-9000-000000000001", "2031-05-06T07:08:09.123Z"];
const idOf = (number: number) => `01980000-0000-7000-8000-00000000000${number}`;

/** Documents as a release before migration 8 left them: held for good, until a day, without a reference, lifted, and never held. */
const rows = `
  set session_replication_role = replica;
  insert into document (tenant_id, id, owner_id, kind, state, request_sha256, content_sha256, size_bytes, grant_expires_at, legal_hold, held_until)
    select '${tenant}', id::uuid, '${tenant}', 'cmr', 'granted', '', '', 1, now(), held, until::timestamptz from (values
      ('${idOf(1)}', true, null), ('${idOf(2)}', false, '${until}'), ('${idOf(3)}', true, null),
      ('${idOf(4)}', false, null), ('${idOf(5)}', false, null)) as given (id, held, until);
  insert into audit (tenant_id, entry_id, actor, action, subject, detail)
    select '${tenant}', gen_random_uuid(), 'user:x', action, id, jsonb_build_object('reference', reference) from (values
      ('${idOf(1)}', 'document.held', 'CASE-1'), ('${idOf(2)}', 'document.held', 'CASE-1'), ('${idOf(2)}', 'document.held', 'CASE-2'),
      ('${idOf(3)}', 'document.held', null), ('${idOf(4)}', 'document.held', 'CASE-4'), ('${idOf(4)}', 'document.released', 'CASE-4'))
      as given (id, action, reference)`;

it("holds that were set before there could be several are lifted by the reference that they were set with", async () => {
  const given = inject("postgres").superuser;
  const superuser = { ...given, database: `strongroom_holds_${randomBytes(8).toString("hex")}` };
  await prepareDatabase(given, superuser.database);
  try {
    await applyMigrations(superuser, (name) => name < "0008");
    await withClient(superuser, (client) => client.query(rows));
    await applyMigrations(superuser, (name) => name.startsWith("0008"));
    const { rows: found } = await withClient(superuser, (client) =>
      client.query<{ holds: Record<string, string | null> }>("select holds from document order by id"),
    );
    const moments = found.map(({ holds }) =>
      Object.entries(holds).map(([reference, end]) => [reference, end && new Date(end).toISOString()]),
    );
    expect(moments).toEqual([[["CASE-1", null]], [["CASE-2", until]], [["", null]], [], []]);
  } finally {
    await withClient(given, (client) => client.query(`drop database ${superuser.database} with (force)`));
  }
});

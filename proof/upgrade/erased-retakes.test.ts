import { randomBytes } from "node:crypto";
import { prepareDatabase, withClient } from "@strongroom/core/database/roles";
import type {} from "@strongroom/local/test-setup";
import { expect, inject, it } from "vitest";
import { applyMigrations } from "./apply-migrations.ts";

const tenant = "01980000-0000-7000-9000-000000000001";
const idOf = (number: number) => `01980000-0000-7000-8000-00000000000${number}`;

/** Two documents as a release before migration 12 left them: one replaced by a retake that was erased, one by one that was not. */
const rows = `
  set session_replication_role = replica;
  insert into document (tenant_id, id, owner_id, kind, state, request_sha256, content_sha256, size_bytes, grant_expires_at, superseded_by)
    select '${tenant}', id::uuid, '${tenant}', 'cmr', state, '', '', 1, now(), by::uuid from (values
      ('${idOf(1)}', 'stored', '${idOf(2)}'), ('${idOf(2)}', 'erased', null),
      ('${idOf(3)}', 'stored', '${idOf(4)}'), ('${idOf(4)}', 'stored', null)) as given (id, state, by)`;

it("a document whose retake was erased before erasures saw to it can be replaced again", async () => {
  const given = inject("postgres").superuser;
  const superuser = { ...given, database: `strongroom_retakes_${randomBytes(8).toString("hex")}` };
  await prepareDatabase(given, superuser.database);
  try {
    await applyMigrations(superuser, (name) => name < "0012");
    await withClient(superuser, (client) => client.query(rows));
    await applyMigrations(superuser, (name) => name.startsWith("0012"));
    const { rows: found } = await withClient(superuser, (client) =>
      client.query<{ by: string | null }>("select superseded_by as by from document order by id"),
    );
    expect(found.map(({ by }) => by)).toEqual([null, null, idOf(4), null]);
  } finally {
    await withClient(given, (client) => client.query(`drop database ${superuser.database} with (force)`));
  }
});

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { prepareDatabase, withClient } from "@strongroom/core/database/roles";
import type {} from "@strongroom/local/test-setup";
import { expect, inject, onTestFinished, test } from "vitest";
import { applyMigrations } from "../upgrade/apply-migrations.ts";
import { openLedger } from "./ledger.ts";

/** A database of ours alone, with the tables of the product. */
async function openDatabase() {
  const given = inject("postgres").superuser;
  const superuser = { ...given, database: `strongroom_ledger_${randomBytes(8).toString("hex")}` };
  await prepareDatabase(given, superuser.database);
  onTestFinished(() =>
    withClient(given, async (client) => {
      await client.query(`drop database ${superuser.database} with (force)`);
    }),
  );
  await applyMigrations(superuser, () => true);
  return superuser;
}

test("a worker has begun when it told of its health, not when one did that had its process id before", async () => {
  const superuser = await openDatabase();
  const ledger = openLedger(superuser);
  onTestFinished(() => ledger.close());
  const worker = spawn("sleep", ["60"]);
  onTestFinished(() => void worker.kill());
  await once(worker, "spawn");
  const pid = worker.pid!;
  const beat = (at: string) =>
    withClient(superuser, (client) =>
      client.query(
        `insert into worker (name, kind, beat_at) values ($1, 'relay', ${at}) on conflict (name) do update set beat_at = ${at}`,
        [`relay-host-${pid}`],
      ),
    );
  expect(await ledger.hasBegun(pid)).toBe(false);
  await beat("clock_timestamp() - interval '1 minute'"); // it was killed, and nobody forgot it
  expect(await ledger.hasBegun(pid)).toBe(false);
  await beat("clock_timestamp()");
  expect(await ledger.hasBegun(pid)).toBe(true);
  worker.kill();
  await once(worker, "exit");
  expect(await ledger.hasBegun(pid)).toBe(false);
}, 60_000);

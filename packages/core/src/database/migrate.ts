import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import type pg from "pg";
import type { Connection } from "../ports/database.ts";
import { withClient } from "./roles.ts";

const directory = new URL("./migrations/", import.meta.url);

/** A migration as it stands in its file: `0001-….sql`, applied once, in order of its name, never edited after. */
export type Migration = { name: string; sql: string; sha256: string };

/** Every migration, in order. */
async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, directory), "utf8");
      return { name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

/** Brings a database up to date, each file in a transaction of its own; throws when an applied file has changed since. */
export async function migrate(owner: Connection): Promise<void> {
  const migrations = await readMigrations();
  await withClient(owner, async (client) => {
    await client.query("select pg_advisory_lock(hashtextextended('strongroom.migrate', 0))");
    await client.query(
      "create table if not exists migration (name text primary key, sha256 text not null, applied_at timestamptz not null default clock_timestamp())",
    );
    const applied = await client.query<{ name: string; sha256: string }>(
      "select name, sha256 from migration",
    );
    const known = new Map(applied.rows.map((row) => [row.name, row.sha256]));
    for (const migration of migrations) await apply(client, migration, known.get(migration.name) ?? null);
  });
}

async function apply(client: pg.Client, migration: Migration, appliedSha256: string | null): Promise<void> {
  if (appliedSha256 === migration.sha256) return;
  if (appliedSha256 !== null)
    throw new Error(`migration ${migration.name} was edited after it had been applied`);
  await client.query("begin");
  try {
    await client.query(migration.sql);
    await client.query("insert into migration (name, sha256) values ($1, $2)", [
      migration.name,
      migration.sha256,
    ]);
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback");
    throw new Error(`migration ${migration.name} failed`, { cause });
  }
}

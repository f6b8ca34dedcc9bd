import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import type pg from "pg";
import { type Access, withClient } from "./roles.ts";

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

/**
 * Brings a database up to date, each file in a transaction of its own; one runner at a time, another waits for it, at most
 * `waitMs`. Answers what it applied. Throws when an applied file has changed since.
 */
export async function migrate(owner: Access, { waitMs = 0 }: { waitMs?: number } = {}): Promise<string[]> {
  const migrations = await readMigrations();
  return await withClient(owner, async (client) => {
    await takeTurn(client, waitMs);
    await client.query(
      "create table if not exists migration (name text primary key, sha256 text not null, applied_at timestamptz not null default clock_timestamp())",
    );
    const applied = await client.query<{ name: string; sha256: string }>(
      "select name, sha256 from migration",
    );
    const known = new Map(applied.rows.map((row) => [row.name, row.sha256]));
    const due = migrations.filter((migration) => isDue(migration, known.get(migration.name) ?? null));
    for (const migration of due) await apply(client, migration);
    return due.map(({ name }) => name);
  });
}

/** Names of the migrations that a database lacks, or that it applied in another form. */
export async function missingMigrations(owner: Access): Promise<string[]> {
  const migrations = await readMigrations();
  const rows = await withClient(owner, async (client) => {
    const { rows: applied } = await client.query<{ name: string; sha256: string }>(
      "select name, sha256 from migration",
    );
    return applied;
  });
  return migrations
    .filter(({ name, sha256 }) => !rows.some((row) => row.name === name && row.sha256 === sha256))
    .map(({ name }) => name);
}

/** The lock is the session's: it goes with the connection, whatever ends it. `waitMs` of 0 waits for ever. */
async function takeTurn(client: pg.Client, waitMs: number): Promise<void> {
  await client.query(`set lock_timeout = ${Math.round(waitMs)}`);
  try {
    await client.query("select pg_advisory_lock(hashtextextended('strongroom.migrate', 0))");
  } catch (cause) {
    throw new Error(`another migration did not end within ${waitMs} ms`, { cause });
  }
  await client.query("reset lock_timeout");
}

function isDue({ name, sha256 }: Migration, appliedSha256: string | null): boolean {
  if (appliedSha256 !== null && appliedSha256 !== sha256)
    throw new Error(`migration ${name} was edited after it had been applied`);
  return appliedSha256 === null;
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(migration.sql);
    await client.query("insert into migration (name, sha256) values ($1, $2)", [
      migration.name,
      migration.sha256,
    ]);
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback").catch(() => {}); // the connection may be what broke
    throw new Error(`migration ${migration.name} failed`, { cause });
  }
}

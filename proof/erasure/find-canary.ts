import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { encodingsOf, formsIn } from "../canary/encodings.ts";
import type { Client } from "../isolation/catalogue.ts";

/** Where a text lies, in words: `public.document.note: raw`. */
export type Hit = string;

/** Every column of every table, whatever tables there are, that holds the text in any form. */
export async function findInTables(superuser: Connection, canary: string): Promise<Hit[]> {
  const forms = encodingsOf(canary);
  return await withClient(superuser, async (client) => {
    const { rows: columns } = await client.query<{ table: string; column: string }>(
      `select format('%I.%I', c.table_schema, c.table_name) as table, quote_ident(c.column_name) as column
       from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
       where c.table_schema not in ('pg_catalog', 'information_schema') and t.table_type = 'BASE TABLE'`,
    );
    const hits: Hit[] = [];
    for (const { table, column } of columns) {
      const { rows } = await client.query<{ all: string | null }>(
        `select string_agg(${column}::text, ' ') as all from ${table}`,
      );
      for (const form of formsIn(Buffer.from(rows[0]!.all ?? ""), forms))
        hits.push(`${table}.${column}: ${form}`);
    }
    return hits;
  });
}

/**
 * Every file of the database itself that holds one of the texts in any form: its tables, indexes and catalogue (with the
 * planner's samples), as they lie on disk. Vacuumed before, since a deleted row's bytes lie about until then.
 */
export async function findInDatabaseFiles(superuser: Connection, canaries: string[]): Promise<Hit[][]> {
  const forms = canaries.map(encodingsOf);
  return await withClient(superuser, async (client) => {
    await vacuumAll(client);
    const { rows: files } = await client.query<{ path: string; name: string }>(
      `select path, coalesce((select relname from pg_class where relfilenode::text = split_part(file, '.', 1)), file) as name
       from (select oid from pg_database where datname = current_database()) d,
         lateral pg_ls_dir('base/' || d.oid) file, lateral (select 'base/' || d.oid || '/' || file as path) p`,
    );
    const hits: Hit[][] = canaries.map(() => []);
    for (const { path, name } of files) {
      const { rows } = await client.query<{ bytes: Buffer | null }>(
        "select pg_read_binary_file($1, 0, 1000000000, true) as bytes",
        [path],
      );
      const bytes = rows[0]!.bytes ?? Buffer.alloc(0);
      for (const [n, one] of forms.entries())
        for (const form of formsIn(bytes, one)) hits[n]!.push(`${name}: ${form}`);
    }
    return hits;
  });
}

/** Every file below a directory that holds the text in any form, in its bytes or its name. */
export async function findInFiles(directory: string, canary: string): Promise<Hit[]> {
  const forms = encodingsOf(canary);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const hits: Hit[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const content = Buffer.concat([Buffer.from(`${path}\n`), await readFile(path)]);
    for (const form of formsIn(content, forms)) hits.push(`${path.slice(directory.length + 1)}: ${form}`);
  }
  return hits;
}

/**
 * Takes the bytes of deleted rows off the disk: those of every table, and of the planner's samples. Twice: only a plain vacuum passes
 * over transactions of other databases, and only a full one writes the pages anew.
 */
export async function vacuumAll(client: Client): Promise<void> {
  await client.query("analyze");
  await untilNobodySees(client);
  const { rows: tables } = await client.query<{ list: string }>(
    `select string_agg(oid::regclass::text, ', ') as list from pg_class where relkind = 'r'
     and (relname = 'pg_statistic' or relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))`,
  );
  for (const how of ["vacuum", "vacuum (full)"]) await client.query(`${how} ${tables[0]!.list}`);
  await client.query("checkpoint");
}

/**
 * Until every snapshot and every transaction of others is younger than what was deleted so far: a row that somebody may still
 * see is kept. The server looks at its tables by itself every few seconds, under a snapshot, and writes what it saw in a
 * transaction that may have none at the moment; a worker that begins has no database yet.
 */
async function untilNobodySees(client: Client): Promise<void> {
  const { rows } = await client.query<{ now: string }>("select pg_current_xact_id()::xid::text as now");
  const older = `select from pg_stat_activity where coalesce(datname, current_database()) = current_database()
    and pid <> pg_backend_pid() and greatest(age(backend_xmin), age(backend_xid)) > age($1::xid)`;
  while ((await client.query(older, [rows[0]!.now])).rowCount) await sleep(20);
}

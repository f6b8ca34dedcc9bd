import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { type Client, columnsOf } from "../isolation/catalogue.ts";
import { family } from "./canary-files.ts";
import { encodingsOf, formsIn } from "./encodings.ts";

/** One mark in one place: `place` is a file below the searched directory, or `schema.table.column`. */
export type Hit = { mark: string; form: string; place: string };
/** Made by `newCanary`. */
type Marks = Record<string, string>;
const familyForms = encodingsOf(family);

/** Every mark in every form in every file below a directory, or in its name, but those left out; a file that goes meanwhile is passed over. */
export async function findInFiles(
  directory: string,
  marks: Marks,
  isLeftOut: (place: string) => boolean = () => false,
): Promise<Hit[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const hits: Hit[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const place = relative(directory, path);
    if (isLeftOut(place)) continue;
    const data = await readFile(path).catch(() => Buffer.alloc(0));
    hits.push(...findInData(Buffer.concat([Buffer.from(`${place}\n`), data]), place, marks));
  }
  return hits;
}

/** Every mark in every form in one piece of data. */
export function findInData(data: Buffer, place: string, marks: Marks): Hit[] {
  if (formsIn(data, familyForms).length === 0) return [];
  return Object.entries(marks).flatMap(([mark, text]) =>
    formsIn(data, encodingsOf(text)).map((form) => ({ mark, form, place })),
  );
}

/** Every mark in every form in every value of every column. */
export async function findInTables(client: Client, marks: Marks): Promise<Hit[]> {
  const hits: Hit[] = [];
  for (const schema of ["public", "embedded"]) {
    for (const { table, column, type } of await columnsOf(client, schema)) {
      const { rows } = await client.query<{ value: string | null }>(
        `select string_agg(${type === "bytea" ? `encode("${column}", 'hex')` : `"${column}"::text`}, E'\\n') as value from "${schema}"."${table}"`,
      );
      hits.push(...findInData(Buffer.from(rows[0]!.value ?? ""), `${schema}.${table}.${column}`, marks));
    }
  }
  return hits;
}

/** By the file in which it lies (below the data directory of PostgreSQL): the table that a relation belongs to. */
export async function relationFiles(client: Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ path: string; name: string }>(
    `select pg_relation_filepath(c.oid) as path, n.nspname || '.' || coalesce(t.relname, o.relname, c.relname) as name
     from pg_class c
     left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.oid = i.indrelid
     left join pg_class o on o.reltoastrelid = c.oid
     join pg_namespace n on n.oid = coalesce(t.relnamespace, o.relnamespace, c.relnamespace)
     where c.relkind in ('r', 'i', 't') and pg_relation_filepath(c.oid) is not null`,
  );
  return new Map(rows.map(({ path, name }) => [path, name]));
}

import type { withClient } from "@strongroom/core/database/roles";

/** What a database is made of, as a line each, by what it is and whose: `column document.kind` → `text not null`. */
export type Catalogue = Map<string, string>;

type Client = Parameters<Parameters<typeof withClient>[1]>[0];

/** Reads what code that serves can meet: tables, columns, constraints, unique indexes, triggers, functions, grants, policies. */
export async function readCatalogue(client: Client): Promise<Catalogue> {
  const { rows } = await client.query<{ what: string; is: string }>(everything);
  return new Map(rows.map(({ what, is }) => [what, is]));
}

const ours = "relnamespace = 'public'::regnamespace";
const everything = `
  select 'table ' || relname as what, relkind::text as is from pg_class where ${ours} and relkind in ('r', 'v', 'S')
  union all
  select format('column %s.%s', c.relname, a.attname),
    format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
      || case when a.atthasdef then ' default' else '' end
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.${ours} and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
  union all
  select format('constraint %s.%s', c.relname, o.conname), pg_get_constraintdef(o.oid)
    from pg_constraint o join pg_class c on c.oid = o.conrelid where c.${ours} and o.contype <> 'n'
  union all
  select format('unique %s.%s', t.relname, c.relname), pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
    where c.${ours} and i.indisunique
  union all
  select format('trigger %s.%s', c.relname, t.tgname), pg_get_triggerdef(t.oid)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.${ours} and not t.tgisinternal
  union all
  select 'function ' || p.oid::regprocedure::text, pg_get_function_result(p.oid)
    from pg_proc p left join pg_depend d on d.objid = p.oid and d.deptype = 'e'
    where p.pronamespace = 'public'::regnamespace and d.objid is null
  union all
  select format('grant %s %s on %s', grantee, privilege_type, table_name), 'given'
    from information_schema.role_table_grants where table_schema = 'public' and grantee like 'strongroom%'
  union all
  select format('grant %s %s on %s.%s', grantee, privilege_type, table_name, column_name), 'given'
    from information_schema.column_privileges where table_schema = 'public' and grantee like 'strongroom%'
  union all
  select format('policy %s.%s', tablename, policyname),
    concat_ws(' ', cmd, roles::text, qual, with_check) from pg_policies where schemaname = 'public'
  union all
  select 'transition ' || from_state || ' ' || to_state, 'allowed' from document_transition`;

/**
 * What of a change would break code from before it, which goes on over the same database until it is replaced: anything that
 * is gone or is another, and anything new that refuses what that code writes. Empty for a change that only expands. What the
 * bodies of functions do is not looked at, nor what new code writes into columns that old code reads.
 */
export function contractions(before: Catalogue, after: Catalogue): string[] {
  const gone = [...before].flatMap(([what, is]) => {
    const now = after.get(what);
    if (now === undefined) return [`${what} is gone`];
    return now === is || isLoosened(what, is, now) ? [] : [`${what} was ${is} and is ${now}`];
  });
  const added = [...after].filter(([what]) => !before.has(what));
  return [
    ...gone,
    ...added.flatMap(([what, is]) => (refuses(what, is, before) ? [`${what} is new: ${is}`] : [])),
  ];
}

/** A column may come to take null, or get a default. */
function isLoosened(what: string, was: string, is: string): boolean {
  if (!what.startsWith("column ")) return false;
  return was.replace(" not null", "") === is || `${was} default` === is;
}

/** New things on tables that code from before writes to, which may refuse a row of its. */
function refuses(what: string, is: string, before: Catalogue): boolean {
  const [kind, name] = what.split(" ") as [string, string];
  if (!before.has(`table ${name.split(".")[0]}`)) return false;
  if (kind === "column") return is.endsWith(" not null");
  return kind === "constraint" || kind === "unique" || kind === "trigger";
}

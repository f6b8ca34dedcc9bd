import type { Client } from "./catalogue.ts";

/** Tables without a tenant, and why they need none; a table that is neither here nor has a tenant_id is found. */
const shared: Record<string, string> = {
  tenant: "is guarded by its own id",
  document_transition: "the graph of states, the same for everybody",
  audit_checkpoint: "hashes over all chains; they tell nothing of any row",
  worker: "processes of ours",
  migration: "files of ours",
};

/** What the catalogue shows that a tenant could come through; empty when nothing does. */
export async function judgeCatalogue(client: Client): Promise<string[]> {
  const findings: string[] = [];
  for (const [fault, sql] of Object.entries(checks)) {
    const { rows } = await client.query<{ name: string }>(sql);
    findings.push(...rows.map(({ name }) => `${name} ${fault}`));
  }
  const { rows } = await client.query<{ name: string }>(tablesWithoutTenant);
  return [...findings, ...rows.flatMap(({ name }) => (name in shared ? [] : [`${name} has no tenant`]))];
}

const ours = "c.relnamespace = 'public'::regnamespace";
const hasTenant =
  "(c.relname = 'tenant' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))";
const tablesWithoutTenant = `select relname as name from pg_class c where ${ours} and relkind in ('r', 'p') and not ${hasTenant}`;
/** Whoever serves requests, and whoever is everybody. */
const servants = "array['strongroom_app', 'strongroom_system', 'public']::name[]";

const definers =
  "select p.proname as name from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef";

const checks: Record<string, string> = {
  "has no row-level security": `select relname as name from pg_class c
     where ${ours} and relkind in ('r', 'p') and ${hasTenant} and not relrowsecurity`,
  "does not bind its owner": `select relname as name from pg_class c
     where ${ours} and relkind in ('r', 'p') and ${hasTenant} and not relforcerowsecurity`,
  "may be null": `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
     where ${ours} and relkind in ('r', 'p') and a.attname = 'tenant_id' and not a.attnotnull`,
  "lets requests past the tenant": `select tablename || '.' || policyname as name from pg_policies
     where schemaname = 'public' and roles && array['strongroom_app', 'public']::name[]
       and (coalesce(qual, with_check) not like '%= current_tenant())%'
         or coalesce(with_check, qual) not like '%= current_tenant())%')`,
  "is a view with the rights of its owner": `select relname as name from pg_class c
     where ${ours} and relkind = 'v' and not coalesce(reloptions, '{}') && array['security_invoker=true', 'security_invoker=on']`,
  "is a view that holds rows of its own": `select relname as name from pg_class c where ${ours} and relkind = 'm'`,
  "runs as its owner with the caller's search path": `${definers} and not coalesce(p.proconfig, '{}') && array['search_path=public, pg_temp']`,
  "runs as its owner and may be called by everybody": `${definers} and has_function_privilege('public', p.oid, 'execute')`,
  "runs as its owner and is told an id": `${definers} and (2950 = any (p.proargtypes::oid[]) or array_to_string(p.proargnames, ' ') ~ 'tenant')`,
  "runs as a superuser": `${definers} and exists (select from pg_roles r where r.oid = p.proowner and (r.rolsuper or r.rolbypassrls))`,
  "may be emptied, referred to or triggered on": `select grantee || ' on ' || table_name as name from information_schema.role_table_grants
     where table_schema = 'public' and grantee = any (${servants}) and privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')`,
  "is open to everybody": `select table_name || ' ' || privilege_type as name from information_schema.role_table_grants
     where table_schema in ('public', 'embedded') and grantee = 'PUBLIC'`,
  "reaches the tables of queue and stream": `select rolname as name from pg_roles
     where rolname in ('strongroom_app', 'strongroom_system') and has_schema_privilege(rolname, 'embedded', 'usage')`,
  "may become another role": `select m.rolname || ' -> ' || r.rolname as name from pg_auth_members a
     join pg_roles m on m.oid = a.member join pg_roles r on r.oid = a.roleid
     where m.rolname in ('strongroom_app', 'strongroom_system')`,
  "is above row-level security": `select rolname as name from pg_roles
     where rolname like 'strongroom%' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)`,
  "owns a table and serves requests": `select relname as name from pg_class c
     where ${ours} and pg_get_userbyid(relowner) in ('strongroom_app', 'strongroom_system')`,
};

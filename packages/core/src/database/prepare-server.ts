import type pg from "pg";
import type { Connection } from "../ports/database.ts";
import { type Access, limitSessions, roleName, withClient } from "./roles.ts";

/** How the roles that serve come in: each with a token of IAM, or with the password of its connection. */
export type Logins =
  | { auth: "iam" }
  | { auth: "password"; connections: Record<"app" | "system", Connection> };

const serving = ["app", "system"] as const;

/**
 * Makes roles and database on a server whose master is no superuser, as RDS gives it (`CREATEROLE`, `CREATEDB`). Changes
 * only what is not so already; safe to call again, one caller at a time. `master` names any database that it may enter.
 */
export async function prepareServer(master: Access, database: string, logins: Logins): Promise<void> {
  await withClient(master, async (client) => {
    await client.query("select pg_advisory_lock(hashtextextended('strongroom.roles', 0))");
    await ensureRole(client, roleName("owner"), "nologin");
    await ensureRole(client, "strongroom_search", "nologin");
    for (const role of serving) await ensureLogin(client, master, database, role, logins);
    // The master may become the owner: so nobody needs a password of the owner's.
    await grantOnce(client, roleName("owner"), master.user);
    await grantOnce(client, "strongroom_search", roleName("owner"));
    await ensureDatabase(client, database);
  });
}

async function ensureLogin(
  client: pg.Client,
  master: Access,
  database: string,
  role: (typeof serving)[number],
  logins: Logins,
): Promise<void> {
  const name = roleName(role);
  await ensureRole(client, name, "login");
  await limitSessions(client, name);
  if (logins.auth === "iam") return await grantOnce(client, "rds_iam", name);
  const { password } = logins.connections[role];
  if (await comesIn({ ...master, user: name, password })) return;
  await client.query(
    `alter role ${client.escapeIdentifier(name)} password ${client.escapeLiteral(password)}`,
  );
}

/** Whether a login works, in the database that the master stands in. */
async function comesIn(access: Access): Promise<boolean> {
  try {
    await withClient(access, (client) => client.query("select 1"));
    return true;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith("28")) return false; // refused: another password, or none
    throw error;
  }
}

async function ensureRole(client: pg.Client, name: string, login: "login" | "nologin"): Promise<void> {
  const { rowCount } = await client.query("select 1 from pg_roles where rolname = $1", [name]);
  if (rowCount !== 0) return;
  await client.query(
    `create role ${client.escapeIdentifier(name)} nosuperuser nobypassrls nocreatedb nocreaterole ${login}`,
  );
}

/** Makes `member` able to act as `role`, unless it is already. */
async function grantOnce(client: pg.Client, role: string, member: string): Promise<void> {
  const { rows } = await client.query<{ is_there: boolean; can: boolean | null }>(
    `select to_regrole(quote_ident($1)) is not null as is_there,
       (select bool_or(set_option and (inherit_option or roleid::regrole::text = 'rds_iam')) from pg_auth_members
        where roleid = to_regrole(quote_ident($1)) and member = to_regrole(quote_ident($2)))
       or (select rolsuper from pg_roles where rolname = $2) as can`,
    [role, member],
  );
  if (!rows[0]!.is_there)
    throw new Error(`this server has no role ${role}: IAM was asked for, and it is not RDS`);
  if (rows[0]!.can) return;
  const [what, whom] = [client.escapeIdentifier(role), client.escapeIdentifier(member)];
  await client.query(`grant ${what} to ${whom}${role === "rds_iam" ? "" : " with set true, inherit true"}`);
}

/** The owner role has the database, so that migrations may make extensions and hand out the schema. */
async function ensureDatabase(client: pg.Client, database: string): Promise<void> {
  const name = client.escapeIdentifier(database);
  const { rows } = await client.query<{ owner: string }>(
    "select pg_get_userbyid(datdba) as owner from pg_database where datname = $1",
    [database],
  );
  const owner = roleName("owner");
  if (rows.length === 0) await client.query(`create database ${name} owner ${owner}`);
  else if (rows[0]!.owner !== owner) await client.query(`alter database ${name} owner to ${owner}`);
}

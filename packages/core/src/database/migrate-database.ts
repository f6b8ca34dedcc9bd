import type { Ports } from "../ports/ports.ts";
import { migrate, missingMigrations } from "./migrate.ts";
import { isOutage } from "./outage.ts";
import { type Logins, prepareServer } from "./prepare-server.ts";
import { type Access, roleName, withClient } from "./roles.ts";

type MigratePorts = Pick<Ports, "clock" | "log">;
/** `master` names a database that is there from the beginning, and that it may enter. */
export type MigrateInput = {
  master: Access;
  database: string;
  logins: Logins;
  /** How long the server, and then another runner, is waited for. */
  waitMs: number;
};

const betweenTriesMs = 500;

/**
 * Makes roles, database and schema what this release needs, and reads back that they are. Safe to repeat at any point, also
 * where a former run was cut off: each migration is one transaction. Answers the migrations that it applied.
 */
export async function migrateDatabase(ports: MigratePorts, input: MigrateInput): Promise<string[]> {
  const { master, database, logins, waitMs } = input;
  await waitForServer(ports, master, waitMs);
  await prepareServer(master, database, logins);
  const owner = { ...master, database, options: `-c role=${roleName("owner")}` };
  const applied = await migrate(owner, { waitMs });
  const faults = await findFaults(owner, logins);
  if (faults.length > 0) throw new Error(`the database is not as it has to be: ${faults.join("; ")}`);
  return applied;
}

/** A server that starts, or fails over, refuses for a while; one that refuses our password will go on doing so. */
async function waitForServer(ports: MigratePorts, master: Access, waitMs: number): Promise<void> {
  const deadline = ports.clock.monotonicMs() + waitMs;
  for (;;) {
    try {
      await withClient(master, (client) => client.query("select 1"));
      return;
    } catch (error) {
      if (!isOutage(error)) throw error;
      if (ports.clock.monotonicMs() >= deadline)
        throw new Error(`the database did not answer within ${waitMs} ms`, { cause: error });
      ports.log.info("migrator.waits", { error: error as Error });
    }
    await ports.clock.sleep(betweenTriesMs);
  }
}

/** What a run has to have reached, asked of the server anew. */
async function findFaults(owner: Access, logins: Logins): Promise<string[]> {
  const missing = (await missingMigrations(owner)).map((name) => `${name} is not applied`);
  const found = await withClient(
    owner,
    async (client) => (await client.query<{ fault: string }>(faults)).rows,
  );
  return [...missing, ...found.map(({ fault }) => fault), ...(await closedDoors(owner, logins))];
}

/** With passwords the roles come in themselves; a token of theirs, the migrator cannot make. */
async function closedDoors(owner: Access, logins: Logins): Promise<string[]> {
  if (logins.auth === "iam") return [];
  const { options: _role, ...plain } = owner;
  const tries = Object.entries(logins.connections).map(async ([role, { user, password }]) =>
    withClient({ ...plain, user, password }, (client) => client.query("select 1 from document limit 0")).then(
      () => [],
      (error: Error) => [`${role} does not come in: ${error.message}`],
    ),
  );
  return (await Promise.all(tries)).flat();
}

/** Roles that could see more than a tenant, and tables that would show it. */
const faults = `
  select rolname || ' could come round row-level security' as fault from pg_roles
  where rolname in ('strongroom_owner', 'strongroom_app', 'strongroom_system', 'strongroom_search')
    and (rolsuper or rolbypassrls)
  union all
  select rolname || ' may not log in' from pg_roles
  where rolname in ('strongroom_app', 'strongroom_system') and not rolcanlogin
  union all
  select format('table %s does not force row-level security', c.relname) from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
  where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
    and not (c.relrowsecurity and c.relforcerowsecurity)
  union all
  select format('%s owns table %s', pg_get_userbyid(c.relowner), c.relname) from pg_class c
  where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
    and pg_get_userbyid(c.relowner) <> 'strongroom_owner'`;

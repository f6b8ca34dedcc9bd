import { testServer, type TestServer } from "@strongroom/local/test-server";
import { systemClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { migrateDatabase, type MigrateInput } from "./migrate-database.ts";
import { type Access, withClient } from "./roles.ts";

/** A server as RDS gives it: our master is no superuser, but makes roles and databases, and hands out `rds_iam`. */
let server: TestServer;
let master: Access;
beforeAll(async () => {
  server = await testServer();
  const { superuser } = server;
  await withClient(superuser, async (client) => {
    await client.query(
      `create role strongroom_root login createrole createdb password '${superuser.password}'`,
    );
    await client.query("create role rds_iam nologin");
    await client.query("grant rds_iam to strongroom_root with admin true, inherit false, set false");
  });
  master = { ...superuser, user: "strongroom_root" };
});
afterAll(() => server.stop());

const ports = { clock: systemClock, log: silentLog };
let database: string;
let count = 0;
beforeEach(() => (database = `strongroom_${(count += 1)}`));
const run = (change: Partial<MigrateInput> = {}) =>
  migrateDatabase(ports, { master, database, logins: { auth: "iam" }, waitMs: 10_000, ...change });
const ask = async <Row extends object>(sql: string, values: unknown[] = [], as: Access = server.superuser) =>
  await withClient({ ...as, database }, async (client) => (await client.query<Row>(sql, values)).rows);
const everything = () =>
  ask<{ what: string }>(`
    select 'migration ' || name || ' ' || sha256 || ' ' || applied_at as what from migration
    union all select 'relation ' || relname || ' ' || xmin || ' ' || coalesce(relacl::text, '') from pg_class
      where relnamespace = 'public'::regnamespace
    union all select 'role ' || rolname || ' ' || xmin from pg_authid where rolname like 'strongroom%'
    union all select 'settings of ' || setrole || ' ' || xmin from pg_db_role_setting
    union all select 'member ' || oid || ' ' || xmin from pg_auth_members
    union all select 'database ' || datname || ' ' || xmin from pg_database where datname = current_database()
    order by 1`);

describe("a database that is not there yet", () => {
  it("is made by a master who is no superuser: roles that serve by IAM, tables of the owner's, every tenant shut off", async () => {
    const applied = await run();
    expect(applied[0]).toBe("0001-tenants-and-documents.sql");
    expect(applied.length).toBeGreaterThanOrEqual(3);
    const roles = await ask(`
      select rolname, rolcanlogin, rolsuper, rolbypassrls, pg_has_role(rolname, 'rds_iam', 'member') as by_iam
      from pg_roles where rolname in ('strongroom_owner', 'strongroom_app', 'strongroom_system') order by 1`);
    const shut = { rolsuper: false, rolbypassrls: false };
    expect(roles).toEqual([
      { rolname: "strongroom_app", rolcanlogin: true, by_iam: true, ...shut },
      { rolname: "strongroom_owner", rolcanlogin: false, by_iam: false, ...shut },
      { rolname: "strongroom_system", rolcanlogin: true, by_iam: true, ...shut },
    ]);
    expect(await ask("select distinct tableowner from pg_tables where schemaname = 'public'")).toEqual([
      { tableowner: "strongroom_owner" },
    ]);
  });

  it("is served by roles whose sessions have limits, given again to whom they were taken from", async () => {
    const limits = ["statement_timeout=15000", "idle_in_transaction_session_timeout=30000"];
    const given = () =>
      ask(`select rolname, rolconfig from pg_roles where rolname in ('strongroom_app', 'strongroom_system')
        order by 1`);
    const wanted = [
      { rolname: "strongroom_app", rolconfig: limits },
      { rolname: "strongroom_system", rolconfig: limits },
    ];
    await run();
    expect(await given()).toEqual(wanted);
    await ask("alter role strongroom_app reset all");
    await ask("alter role strongroom_system set statement_timeout = 0");
    await run();
    expect(await given()).toEqual(wanted);
  });

  it("may be there empty and be the master's own, as Aurora makes it", async () => {
    await withClient(master, (client) => client.query(`create database ${database}`));
    expect((await run()).length).toBeGreaterThanOrEqual(3);
    expect(
      await ask(
        "select pg_get_userbyid(datdba) as owner from pg_database where datname = current_database()",
      ),
    ).toEqual([{ owner: "strongroom_owner" }]);
  });
});

describe("a second run", () => {
  it("changes nothing, to the version of each row of the catalogue", async () => {
    await run();
    const before = await everything();
    expect(await run()).toEqual([]);
    expect(await everything()).toEqual(before);
    expect(before.length).toBeGreaterThan(30);
  });

  it("beside a first one waits for it; together they apply each migration once", async () => {
    const [one, other] = await Promise.all([run(), run()]);
    const names = (await ask<{ name: string }>("select name from migration order by name")).map(
      ({ name }) => name,
    );
    expect([...one, ...other].toSorted()).toEqual(names);
  });

  it("gives up, saying so, when another runner does not let go; nothing is applied", async () => {
    await withClient(server.superuser, (client) => client.query(`create database ${database}`));
    await withClient({ ...server.superuser, database }, async (client) => {
      await client.query("select pg_advisory_lock(hashtextextended('strongroom.migrate', 0))");
      await withClient(server.superuser, (root) =>
        root.query(`alter database ${database} owner to strongroom_root`),
      );
      await expect(run({ waitMs: 300 })).rejects.toThrow("another migration did not end within 300 ms");
    });
    expect(await ask("select 1 from pg_class where relname in ('migration', 'tenant')")).toEqual([]);
    expect((await run()).length).toBeGreaterThanOrEqual(3);
  });
});

describe("a run that was cut off", () => {
  it.each([
    ["in its first migration", "CREATE TRIGGER", 0],
    ["between two statements of a later one", "CREATE POLICY", 1],
    ["in the last of them", "CREATE EXTENSION", 2],
  ])("%s leaves nothing of that one behind, and the next run goes on there", async (_where, tag, done) => {
    await withClient(server.superuser, (client) => client.query(`create database ${database}`));
    await ask(`create function cut() returns event_trigger language plpgsql security definer as
      'begin perform pg_terminate_backend(pg_backend_pid()); end'`);
    await ask(`create event trigger cut on ddl_command_end when tag in ('${tag}') execute function cut()`);
    await withClient(server.superuser, (client) =>
      client.query(`alter database ${database} owner to strongroom_root`),
    );
    await expect(run()).rejects.toThrow(/migration 000\d-.* failed/);
    const left = (await ask<{ name: string }>("select name from migration")).map(({ name }) => name);
    expect(left).toHaveLength(done);
    await ask("drop event trigger cut");
    const rest = await run();
    expect(rest[0]).toMatch(new RegExp(`^000${done + 1}-`));
    expect(await run()).toEqual([]);
  });
});

describe("passwords, where there is no IAM", () => {
  const logins = (password: string): MigrateInput["logins"] => {
    const as = (role: string) => ({ ...server.superuser, database, user: `strongroom_${role}`, password });
    return { auth: "password", connections: { app: as("app"), system: as("system") } };
  };

  it("are given to the roles, kept while they work, and replaced when they are to be others", async () => {
    await run({ logins: logins("first") });
    const before = await everything();
    expect(await run({ logins: logins("first") })).toEqual([]);
    expect(await everything()).toEqual(before);
    await run({ logins: logins("second") });
    const app = { ...server.superuser, user: "strongroom_app" };
    expect(await ask("select id from document", [], { ...app, password: "second" })).toEqual([]);
    await expect(ask("select 1", [], { ...app, password: "first" })).rejects.toThrow("password");
  });
});

describe("a server that is not as it has to be", () => {
  it("is told of when IAM was asked for and it is not RDS", async () => {
    const elsewhere = await testServer();
    try {
      await expect(run({ master: elsewhere.superuser })).rejects.toThrow("no role rds_iam");
    } finally {
      await elsewhere.stop();
    }
  });

  it.each([
    ["alter role strongroom_app bypassrls", "strongroom_app could come round row-level security"],
    ["alter role strongroom_system nologin", "strongroom_system may not log in"],
    ["alter table artefact no force row level security", "table artefact does not force row-level security"],
    ["alter table artefact owner to strongroom_root", "strongroom_root owns table artefact"],
    ["update migration set sha256 = 'x' where name like '0002%'", "0002-row-level-security.sql was edited"],
  ])("is told of after: %s", async (breakIt, told) => {
    await run();
    await ask(breakIt);
    await expect(run()).rejects.toThrow(told);
    await ask("alter role strongroom_app nobypassrls");
    await ask("alter role strongroom_system login");
  });

  it("is not waited for when it refuses the master's password", async () => {
    const startedMs = performance.now();
    await expect(run({ master: { ...master, password: "wrong" }, waitMs: 60_000 })).rejects.toThrow(
      "password",
    );
    expect(performance.now() - startedMs).toBeLessThan(30_000);
  });

  it("is given up on when it does not answer in time", async () => {
    await server.kill();
    try {
      await expect(run({ waitMs: 200 })).rejects.toThrow("did not answer within 200 ms");
    } finally {
      await server.restart();
    }
  });

  it("is waited for while it starts", async () => {
    await server.kill();
    const running = run({ waitMs: 60_000 });
    await server.restart();
    expect((await running).length).toBeGreaterThanOrEqual(3);
  });
});

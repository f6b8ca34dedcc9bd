import { describeWith } from "@strongroom/local/engines/describe-with";
import { postgresServer } from "@strongroom/local/engines/postgres";
import { preparePostgres } from "@strongroom/local/engines/prepare-postgres";
import { seededPeople } from "@strongroom/local/seed";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { AwsDatabase } from "../config.ts";
import { databaseContract } from "../contract/database.ts";
import { createPostgresDatabase } from "../database/postgres-database.ts";
import { withClient } from "../database/roles.ts";
import type { Database } from "../ports/database.ts";
import { createAuroraDatabase } from "./database.ts";

describeWith(postgresServer, (server) => {
  let database: AwsDatabase & { auth: "password" };
  beforeAll(async () => {
    const { connections } = await preparePostgres(server());
    database = { auth: "password", connections };
  });
  const opened: Database[] = [];
  afterAll(async () => void (await Promise.all(opened.map((one) => one.close()))));
  const open = (ca: string | null, maxConnections = 4) => {
    const made = createAuroraDatabase({
      database,
      region: "eu-central-1",
      maxConnections,
      ca,
      keepsPlans: true,
    });
    opened.push(made);
    return made;
  };

  databaseContract("PostgreSQL over TLS", async () => {
    const [first, other] = [open(server().ca), open(server().ca)];
    const tenants = [...new Set(seededPeople.map(({ tenantId }) => tenantId))];
    const admin = { ...server().superuser, ssl: { ca: server().ca } };
    return {
      database: first,
      other,
      tenants: [tenants[0]!, tenants[1]!],
      breakOne: async (pid) => {
        await withClient(admin, (client) => client.query("select pg_terminate_backend($1)", [pid]));
      },
      close: async () => {},
    };
  });

  it("every connection is encrypted, that of a lock too", async () => {
    const here = open(server().ca);
    const lock = await here.lock("encrypted");
    const { rows } = await sql<{ usename: string; ssl: boolean }>`
      select usename, ssl from pg_stat_activity join pg_stat_ssl using (pid) where backend_type = 'client backend'`.execute(
      here.system,
    );
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.every(({ ssl }) => ssl)).toBe(true);
    await lock!.release();
  });

  it("a server whose certificate another authority signed is not spoken to", async () => {
    const { ca } = await postgresServer.start().then(async (other) => (await other.stop(), other));
    await expect(open(ca).ping()).rejects.toThrow(/certificate/);
  });

  it("a server that wants TLS does not let us in without", async () => {
    await expect(open(null).ping()).rejects.toThrow(/pg_hba|encryption/);
  });

  it("each new connection brings a password of its own", async () => {
    const asked: string[] = [];
    const passwords = async () => (asked.push("once"), database.connections.app.password);
    const { app, system } = database.connections;
    const ssl = { ca: server().ca };
    const connections = {
      app: { ...app, password: passwords, ssl },
      system: { ...system, password: passwords, ssl },
    };
    const here = createPostgresDatabase({ connections, maxConnections: 2 });
    await here.ping();
    await here.ping();
    expect(asked).toHaveLength(1);
    await (await here.lock("password"))!.release();
    expect(asked).toHaveLength(2);
    await here.close();
  });
});

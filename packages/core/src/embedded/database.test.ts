import { seed, seededPeople } from "@strongroom/local/seed";
import { testDatabase } from "@strongroom/local/test-database";
import { expect, it } from "vitest";
import { databaseContract } from "../contract/database.ts";
import { isOutage } from "../database/outage.ts";
import { withClient } from "../database/roles.ts";
import { createEmbeddedDatabase } from "./database.ts";

databaseContract("PostgreSQL over TCP", async () => {
  const { connections, superuser, drop } = await testDatabase();
  await seed(connections.owner);
  const database = createEmbeddedDatabase({ connections, maxConnections: 4 });
  const other = createEmbeddedDatabase({ connections, maxConnections: 4 });
  const tenants = [...new Set(seededPeople.map(({ tenantId }) => tenantId))];
  return {
    database,
    other,
    tenants: [tenants[0]!, tenants[1]!],
    breakOne: async (pid) => {
      await withClient(superuser, (client) => client.query("select pg_terminate_backend($1)", [pid]));
    },
    close: async () => {
      await Promise.all([database.close(), other.close()]);
      await drop();
    },
  };
});

it("a server that is not there is an outage, told within the two seconds that a grant may take", async () => {
  const nowhere = { host: "127.0.0.1", port: 1, database: "none", user: "nobody", password: "none" };
  const database = createEmbeddedDatabase({
    connections: { app: nowhere, system: nowhere },
    maxConnections: 1,
  });
  const error = await database.ping().catch((fault: unknown) => fault);
  expect(isOutage(error)).toBe(true);
  await database.close();
});

import { type AddressInfo, createServer } from "node:net";
import { testDatabase, type TestDatabase } from "@strongroom/local/test-database";
import { seededPeople } from "@strongroom/local/seed";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPostgresDatabase } from "./postgres-database.ts";

let database: TestDatabase;
beforeAll(async () => void (database = await testDatabase()));
afterAll(() => database.drop());

/** What a pool says when it opens a connection, to a server that hangs up then. */
async function greeting(keepsPlans: boolean, role: "app" | "system"): Promise<string[]> {
  const heard = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => (heard.resolve(bytes), socket.destroy()));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const at = { host: "127.0.0.1", port, database: "strongroom", user: "someone", password: "none" };
  const pools = createPostgresDatabase({
    connections: { app: at, system: at },
    maxConnections: 1,
    keepsPlans,
  });
  try {
    const asking =
      role === "app"
        ? pools.withTenant(seededPeople[0]!.tenantId, (tx) => sql`select 1`.execute(tx))
        : pools.ping();
    await expect(asking).rejects.toThrow();
    return (await heard.promise).subarray(8).toString().split("\0");
  } finally {
    await pools.close();
    await new Promise((closed) => server.close(closed));
  }
}

describe("the limits of a session", () => {
  it.each(["app", "system"] as const)("are asked for by a connection of one's own (%s)", async (role) => {
    const said = (await greeting(true, role)).join(" ");
    expect(said).toContain("statement_timeout 15000");
    expect(said).toContain("idle_in_transaction_session_timeout 30000");
  });

  it.each(["app", "system"] as const)(
    "are not asked for behind a proxy, which refuses whoever names a setting (%s)",
    async (role) => {
      const said = (await greeting(false, role)).filter((_, at) => at % 2 === 0);
      expect(said.filter(Boolean).toSorted()).toEqual(["client_encoding", "database", "user"]);
    },
  );

  it("come there with the role, for app and system", async () => {
    const behind = createPostgresDatabase({
      connections: database.connections,
      maxConnections: 1,
      keepsPlans: false,
    });
    const limits = sql<{ statement: string; idle: string }>`
      select current_setting('statement_timeout') as statement,
        current_setting('idle_in_transaction_session_timeout') as idle`;
    try {
      const ofApp = await behind.withTenant(seededPeople[0]!.tenantId, (tx) => limits.execute(tx));
      expect([...ofApp.rows, ...(await limits.execute(behind.system)).rows]).toEqual([
        { statement: "15s", idle: "30s" },
        { statement: "15s", idle: "30s" },
      ]);
    } finally {
      await behind.close();
    }
  });
});

import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultClaims } from "@strongroom/core/claim-names";
import { type Clock, systemClock } from "@strongroom/core/clock";
import type { EmbeddedBackend } from "@strongroom/core/backend";
import { type Config, dividePeriods } from "@strongroom/core/config";
import { withClient } from "@strongroom/core/database/roles";
import { createEmbeddedCache } from "@strongroom/core/embedded/cache";
import { createEmbeddedDatabase } from "@strongroom/core/embedded/database";
import { systemIds, TenantId, UserId } from "@strongroom/core/ids";
import { jsonLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Role } from "@strongroom/core/user/user";
import { usePorts } from "@strongroom/functions/ports";
import { createHttpServer } from "./http.ts";
import { type Issuer, openIssuer } from "./issuer.ts";
import { testDatabase } from "./test-database.ts";

/** A person of a test, known to the user table. */
export type TestPerson = { tenantId: TenantId; userId: UserId; role: Role };

/** What stands behind the handlers in a test: a real database, cache and issuer. The other ports are not there. */
export type TestEdge = {
  ports: Ports;
  superuser: Connection;
  issuer: Issuer;
  audience: string;
  /** Lines of the log, parsed. */
  lines: Record<string, unknown>[];
  addPerson(role: Role, options?: { disabled?: boolean; tenantId?: TenantId }): Promise<TestPerson>;
  /** `Authorization` of a person who has just signed in. */
  authorization(person: TestPerson): Promise<string>;
  close(): Promise<void>;
};

/** Opens it and has all handlers of this process use its ports. */
export async function openTestEdge(clock: Clock = systemClock): Promise<TestEdge> {
  const [database, dataDirectory] = [await testDatabase(), await mkdtemp(join(tmpdir(), "strongroom-edge-"))];
  const { server, issuer } = await serveIssuer(dataDirectory);
  const lines: Record<string, unknown>[] = [];
  const connections = database.connections;
  const there: Partial<Ports> = {
    database: createEmbeddedDatabase({ connections, maxConnections: 4 }),
    cache: createEmbeddedCache({ clock, maxEntries: 1_000 }),
    clock,
    ids: systemIds,
    log: jsonLog({}, (line) => void lines.push(JSON.parse(line) as Record<string, unknown>)),
    config: configOf(issuer.issuer, dataDirectory, connections),
  };
  const ports = there as Ports;
  usePorts(ports);
  return {
    ports,
    superuser: database.superuser,
    issuer,
    audience,
    lines,
    addPerson: async (role, { disabled = false, tenantId } = {}) => {
      const person = {
        tenantId: tenantId ?? TenantId.parse(randomUUID()),
        userId: UserId.parse(randomUUID()),
        role,
      };
      await withClient(database.superuser, async (client) => {
        await client.query("insert into tenant (id, name) values ($1, 'Test') on conflict do nothing", [
          person.tenantId,
        ]);
        const values = [person.tenantId, person.userId, role, disabled ? new Date() : null];
        await client.query(
          "insert into app_user (tenant_id, id, name, role, disabled_at) values ($1, $2, 'Somebody', $3, $4)",
          values,
        );
      });
      return person;
    },
    authorization: async ({ tenantId, userId }) =>
      `Bearer ${await issuer.issueToken({ tenantId, userId, hours: 1 })}`,
    close: async () => {
      await Promise.all([ports.database.close(), server.close()]);
      await database.drop();
      await rm(dataDirectory, { recursive: true });
    },
  };
}

const audience = "strongroom-test";

/** The port is known only once the server listens, and the issuer's name holds it: hence a mount that is filled later. */
async function serveIssuer(dataDirectory: string) {
  const late: { issuer: Issuer | null } = { issuer: null };
  const mount = {
    prefix: "/issuer/",
    handle: (...args: Parameters<Issuer["mount"]["handle"]>) => late.issuer!.mount.handle(...args),
  };
  const server = createHttpServer({ handlers: {}, mounts: [mount], log: jsonLog({}, () => {}) });
  const { url } = await server.listen({ port: 0 });
  const issuer = await openIssuer({ dataDirectory, issuer: `${url}/issuer`, audience });
  late.issuer = issuer;
  return { server, issuer };
}

function configOf(
  issuer: string,
  dataDirectory: string,
  connections: EmbeddedBackend["connections"],
): Config {
  return {
    publicUrl: "http://127.0.0.1:1",
    cell: "even",
    backend: { kind: "embedded", dataDirectory, connections },
    auth: { issuer, audience, claims: defaultClaims },
    secrets: { uploadKey: new Uint8Array(32), ticketKey: new Uint8Array(32), originSecrets: [] },
    periods: dividePeriods(1),
    jobs: 1,
    maxRetries: 8,
    backupDays: 35,
  };
}

import { appendAudit } from "@strongroom/core/audit/append-audit";
import { withClient } from "@strongroom/core/database/roles";
import { createEmbeddedDatabase } from "@strongroom/core/embedded/database";
import { systemIds } from "@strongroom/core/ids";
import type { Connection } from "@strongroom/core/ports/database";
import { seededPeople } from "@strongroom/local/seed";
import type { BenchWorld } from "./bench-world.ts";
import { type BenchOptions, type Race, race } from "./race.ts";

const atOnce = 8;
const inserts = 1_600;
const { tenantId } = seededPeople[0]!;
const entry = { actor: "user:bench", action: "document.edited", subject: tenantId, detail: { note: true } };

/** Rows written by transactions inside a tenant, beside a bare loop of single inserts into the same columns; eight at once. */
export async function raceInserts({ ports, owner }: BenchWorld, { quick }: BenchOptions): Promise<Race> {
  const { backend } = ports.config;
  if (backend.kind !== "embedded") throw new Error("the benchmark runs on one machine");
  const { port } = owner; // past the wire that counts
  const { app, system } = backend.connections;
  const connections = { app: { ...app, port }, system: { ...system, port } };
  const database = createEmbeddedDatabase({ connections, maxConnections: atOnce });
  await withClient(owner, (client) =>
    client.query(
      `create table bare (tenant_id uuid, id bigint generated always as identity primary key, entry_id uuid,
         at timestamptz not null default clock_timestamp(), actor text, action text, subject text, detail jsonb)`,
    ),
  );
  const append = () => database.withTenant(tenantId, (tx) => appendAudit(ports, tx, entry));
  try {
    return await race({
      name: `transactions of one row inside a tenant, ${atOnce} at once`,
      unit: "inserts/s",
      limitName: "bare pg, single inserts",
      goal: "≥ 0.5 × the limit",
      isMet: (_, ratio) => ratio >= 0.5,
      rounds: quick ? 1 : 3,
      ours: () => perSecond((left) => drain(left, append)),
      limit: () => withClients(owner, (clients) => perSecond((left, at) => insertBare(clients[at]!, left))),
    });
  } finally {
    await database.close();
  }
}

type Left = { count: number };

type Client = Parameters<Parameters<typeof withClient>[1]>[0];

/** Connected before the clock starts, as our pool is. */
async function withClients<T>(
  owner: Connection,
  work: (clients: Client[]) => Promise<T>,
  clients: Client[] = [],
): Promise<T> {
  if (clients.length === atOnce) return await work(clients);
  return await withClient(owner, (client) => withClients(owner, work, [...clients, client]));
}

const insertBare = (client: Client, left: Left): Promise<void> =>
  drain(left, () =>
    client.query(
      "insert into bare (tenant_id, entry_id, actor, action, subject, detail) values ($1, $2, $3, $4, $5, $6)",
      [tenantId, systemIds.uuid(), entry.actor, entry.action, entry.subject, entry.detail],
    ),
  );

async function drain(left: Left, insert: () => Promise<unknown>): Promise<void> {
  while (left.count-- > 0) await insert();
}

async function perSecond(work: (left: Left, at: number) => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  const left = { count: inserts };
  await Promise.all(Array.from({ length: atOnce }, (_, at) => work(left, at)));
  return (inserts * 1_000) / (performance.now() - startedMs);
}

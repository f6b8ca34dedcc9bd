import { randomUUID } from "node:crypto";
import { type Config, dividePeriods } from "@strongroom/core/config";
import { createPostgresDatabase } from "@strongroom/core/database/postgres-database";
import { withClient } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Actor } from "@strongroom/core/user/user";
import { seed, seededPeople } from "@strongroom/local/seed";
import { testDatabase } from "@strongroom/local/test-database";
import { randomFrom } from "../random.ts";
import { Process } from "../world/process.ts";
import { Schedule } from "../world/schedule.ts";
import { SimulatedPostgres } from "./simulated-database.ts";
import type { Row } from "./rows.ts";

/** One of two databases that are told to do the same. */
export type Side = {
  ports: Ports;
  /** Runs work over it; the simulated one moves only while somebody does. */
  run<T>(work: Promise<T>): Promise<T>;
  /** Resolves once a transaction waits for a lock. */
  blocked(): Promise<void>;
  rows(table: string): Promise<Row[]>;
};

const { tenantId, userId, role } = seededPeople[0]!;
export const dora: Actor = { tenantId, userId, role };
export const agnes: Actor = { ...seededPeople[2]! };
/** All pages of the test are the same page: every document is a duplicate of the others. */
export const sha256 = "a".repeat(64);
export const sizeBytes = 100;

/** PostgreSQL, and the simulated one with the same people in it. */
export async function openBoth(): Promise<{ real: Side; model: Side; close(): Promise<void> }> {
  const database = await testDatabase();
  const query = (sql: string) =>
    withClient(database.superuser, async (client) => (await client.query<Row>(sql)).rows);
  await seed(database.connections.owner);
  await query(
    `insert into device (tenant_id, id, user_id, platform, push_token) values ('${tenantId}', '${randomUUID()}', '${userId}', 'ios', 'token')`,
  );
  const postgres = createPostgresDatabase({ connections: database.connections, maxConnections: 4 });
  const real: Side = {
    ports: portsOver(postgres, () => new Date()),
    run: (work) => work,
    blocked: async () => {
      const waiting =
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      while ((await query(waiting)).length === 0);
    },
    rows: (table) => query(`select * from ${table} order by ctid`),
  };
  const model = await openModel(real);
  const close = async () => {
    await postgres.close();
    await database.drop();
  };
  return { real, model, close };
}

async function openModel(real: Side): Promise<Side> {
  const schedule = new Schedule(randomFrom(1), false);
  schedule.now = Date.now();
  const simulated = new SimulatedPostgres(schedule);
  const session = simulated.open();
  for (const name of ["tenant", "document_kind", "app_user", "device"]) {
    const table = simulated.tables.get(name)!;
    for (const row of await real.rows(name)) table.insert(session, { ...row, ...numbersOf(row) });
  }
  session.commit();
  const idle = () => schedule.run(() => false, schedule.now);
  return {
    ports: portsOver(simulated.connect(new Process("test")), () => new Date(schedule.now)),
    run: async (work) => {
      let isOver = false;
      const over = work.finally(() => (isOver = true));
      over.catch(() => {});
      while (!isOver) {
        await idle();
        await new Promise(setImmediate);
      }
      return await over;
    },
    blocked: idle,
    rows: async (table) => simulated.rows(table),
  };
}

/** The superuser's client reads bigints as text. */
function numbersOf(row: Row): Row {
  const isNumber = ([name, value]: [string, unknown]) =>
    name.endsWith("_per_day") && typeof value === "string";
  return Object.fromEntries(
    Object.entries(row)
      .filter(isNumber)
      .map(([name, value]) => [name, Number(value)]),
  );
}

const config = {
  publicUrl: "https://strongroom.example",
  cell: "even",
  periods: dividePeriods(1),
  jobs: 1,
  maxRetries: 3,
} as Config;

/** Ports that answer the same on both sides: every object is there, and every second record is refused. */
function portsOver(database: Ports["database"], now: () => Date): Ports {
  const random = randomFrom(2);
  let ids = 0;
  let records = 0;
  const facts = { sizeBytes, sha256, compositeSha256: null, mediaType: "image/jpeg", metadata: {} };
  return {
    database,
    objects: {
      signPut: async () => ({ method: "PUT", url: "https://x", headers: {}, expiresAt: now() }),
      head: async (key: string) => ({ ...facts, key, versionId: "v1", modifiedAt: now() }),
      remove: async () => {},
      list: async function* () {},
      listUploads: async function* () {},
    },
    queue: { send: async () => {}, receiveDead: async () => [] },
    stream: {
      publish: async (_topic: string, some: unknown[]) =>
        some.map(() => ({ acknowledged: ++records % 4 > 0 })),
    },
    keys: {
      sign: async () => ({ signature: new Uint8Array(64), kid: "k" }),
      publicKeys: async () => [{ kid: "k" }],
    },
    push: { send: async () => (random.chance(0.3) ? "unregistered" : "delivered") },
    cache: { get: async () => null, set: async () => {}, delete: async () => {} },
    clock: { now, monotonicMs: () => 0, sleep: () => new Promise(() => {}) },
    ids: {
      uuid: () => `01980000-0000-7000-b000-${String(++ids).padStart(12, "0")}`,
      random: (length: number) => Uint8Array.from({ length }, () => random.below(256)),
    },
    log: silentLog,
    config,
  } as unknown as Ports;
}

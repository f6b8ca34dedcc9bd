import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@strongroom/cli/client";
import { withClient } from "@strongroom/core/database/roles";
import { TenantId, UserId } from "@strongroom/core/ids";
import type { Connection } from "@strongroom/core/ports/database";
import { openIssuer } from "@strongroom/local/issuer";
import { startMain } from "@strongroom/local/test-main";
import { type FoundProcess, processesOf, untilNone } from "@strongroom/local/test-processes";

/** A tenant and its drivers: each may send 1,200 requests a minute, together they may send more. */
export type Company = { tenantId: string; name: string; drivers: Client[]; tokens: string[] };

/** What the database says of a document. */
export type Outcome = {
  id: string;
  tenantId: string;
  state: string;
  receivedMs: number | null;
  settledMs: number | null;
};

/** `npm start` on a directory of its own: one company with forty drivers, and sixteen with two each. */
export type StartedSystem = {
  url: string;
  dataDirectory: string;
  superuser: Connection;
  companies: readonly Company[];
  processes(): Promise<FoundProcess[]>;
  /** Every document, by its id. */
  outcomes(): Promise<Map<string, Outcome>>;
  /** Resolves when no document waits or is worked on; rejects after `limitMs`. */
  untilSettled(limitMs: number): Promise<void>;
  /** Resolves when all that there are were stored, with their previews; rejects after `limitMs`, or when one came to another end. */
  untilStored(limitMs: number): Promise<void>;
  stop(): Promise<void>;
};

const bigDrivers = 40;
const smallCompanies = 16;
const smallDrivers = 2;

/** Starts it, with quotas that a load of hours does not reach. On a busy machine somebody may take its free port: then anew. */
export async function startForLoad(): Promise<StartedSystem> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (tries === 3 || !/Port \d+ is in use/.test((error as Error).message)) throw error;
    }
  }
}

async function start(): Promise<StartedSystem> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "strongroom-load-"));
  await chmod(dataDirectory, 0o711); // PostgreSQL, which is not root, passes through
  const main = startMain({
    environment: { STRONGROOM_DATA: dataDirectory, STRONGROOM_PORT: "0" },
    ownSession: true, // a kernel that weighs sessions would let the API wait for the senders
  });
  const end = () => void main.child.kill("SIGTERM");
  process.once("exit", end);
  const stop = async () => {
    process.removeListener("exit", end);
    end();
    await main.ended;
    await untilNone(dataDirectory);
    await rm(dataDirectory, { recursive: true });
  };
  try {
    const { url } = await main.greeting;
    const superuser = await superuserOf(dataDirectory);
    const companies = await employ(url, dataDirectory, superuser);
    const outcomes = () => readOutcomes(superuser);
    return {
      url,
      dataDirectory,
      superuser,
      companies,
      processes: () => processesOf(dataDirectory),
      outcomes,
      untilSettled: (limitMs) => untilSettled(superuser, limitMs),
      untilStored: (limitMs) => untilStored(superuser, limitMs),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The superuser of the server that `npm start` runs: its password and its port stand in the data directory. */
async function superuserOf(dataDirectory: string): Promise<Connection> {
  const password = (await readFile(join(dataDirectory, "postgres-password"), "utf8")).trim();
  const lines = (await readFile(join(dataDirectory, "postgres/data/postmaster.pid"), "utf8")).split("\n");
  return { host: "127.0.0.1", port: Number(lines[3]), database: "strongroom", user: "postgres", password };
}

async function employ(url: string, dataDirectory: string, superuser: Connection): Promise<Company[]> {
  const issuer = await openIssuer({ dataDirectory, issuer: `${url}/issuer`, audience: "strongroom" });
  const driversOf = [bigDrivers, ...Array<number>(smallCompanies).fill(smallDrivers)];
  const staffed = driversOf.map((count, index) => ({
    tenantId: TenantId.parse(randomUUID()),
    name: index === 0 ? "the big one" : `small one ${index}`,
    users: Array.from({ length: count }, () => UserId.parse(randomUUID())),
  }));
  await withClient(superuser, async (client) => {
    for (const { tenantId, name, users } of staffed) {
      await client.query("insert into tenant values ($1, $2, 1e7, 1e15, 1e8, 1e16)", [tenantId, name]);
      await client.query("insert into document_kind values ($1, 'other', 'Other document', 365)", [tenantId]);
      await client.query(
        "insert into app_user (tenant_id, id, name, role) select $1, unnest($2::uuid[]), 'Driver', 'driver'",
        [tenantId, users],
      );
    }
  });
  return await Promise.all(
    staffed.map(async ({ tenantId, name, users }) => {
      const issue = (userId: UserId) => issuer.issueToken({ tenantId, userId, hours: 24 });
      const tokens = await Promise.all(users.map(issue));
      return { tenantId, name, tokens, drivers: tokens.map((token) => createClient({ url, token })) };
    }),
  );
}

async function readOutcomes(superuser: Connection): Promise<Map<string, Outcome>> {
  const { rows } = await withClient(superuser, (client) =>
    client.query<Outcome>(
      `select id, tenant_id as "tenantId", state,
         (extract(epoch from received_at) * 1000)::float8 as "receivedMs",
         (extract(epoch from settled_at) * 1000)::float8 as "settledMs"
       from document`,
    ),
  );
  return new Map(rows.map((row) => [row.id, row]));
}

async function untilSettled(superuser: Connection, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  await withClient(superuser, async (client) => {
    for (;;) {
      const { rows } = await client.query<{ moving: number }>(
        "select count(*)::int as moving from document where state in ('received', 'processing')",
      );
      const { moving } = rows[0]!;
      if (moving === 0) return;
      if (performance.now() > deadline)
        throw new Error(`${moving} documents are not settled after ${limitMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
}

async function untilStored(superuser: Connection, limitMs: number): Promise<void> {
  await untilSettled(superuser, limitMs);
  const { rows } = await withClient(superuser, (client) =>
    client.query<{ end: string; count: number }>(
      `select concat_ws(' ', state, reason) as end, count(*)::int from document
       where state <> 'stored' or reason is not null group by 1`,
    ),
  );
  if (rows.length > 0)
    throw new Error(`not all are stored: ${rows.map(({ end, count }) => `${count} ${end}`).join(", ")}`);
}

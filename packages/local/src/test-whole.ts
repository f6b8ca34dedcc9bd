import { mkdtemp, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@strongroom/cli/client";
import { defaultPatience, type Patience } from "@strongroom/cli/patience";
import { defaultClaims } from "@strongroom/core/claim-names";
import { systemClock } from "@strongroom/core/clock";
import type { EmbeddedBackend } from "@strongroom/core/backend";
import { type Config, dividePeriods } from "@strongroom/core/config";
import { connectEmbedded, type EmbeddedPorts } from "@strongroom/core/embedded/connect";
import type { Faults } from "@strongroom/core/embedded/faults";
import { createObjectServer } from "@strongroom/core/embedded/object-server";
import { silentLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { notifier } from "@strongroom/eks-workers/notifier";
import { processor } from "@strongroom/eks-workers/processor";
import { relay } from "@strongroom/eks-workers/relay";
import { handlers } from "@strongroom/functions/handlers";
import { usePorts } from "@strongroom/functions/ports";
import { createHttpServer } from "./http.ts";
import { type Issuer, openIssuer } from "./issuer.ts";
import { noticeMount } from "./notices.ts";
import { findPort } from "./port.ts";
import { runSchedules } from "./schedule.ts";
import { seed, seededPeople } from "./seed.ts";
import { isQuiet } from "./test-invariants.ts";
import { testDatabase } from "./test-database.ts";

/** The whole of Strongroom in this very process, on a database and a directory of one test's own. */
export type WholeSystem = {
  url: string;
  directory: string;
  superuser: Connection;
  ports: EmbeddedPorts;
  /** Somebody's client, by the name that the seed gives them; patient enough for any outage that a test makes. */
  clientOf(name: string): Promise<Client>;
  close(): Promise<void>;
};

type Options = { faults?: Faults; timeDivisor?: number; maxRetries?: number };

/** HTTP, upload server, schedules, processor with real decode children, relay and notifier; every handler uses its ports. */
export async function startWhole({
  faults,
  timeDivisor = 1,
  maxRetries = 8,
}: Options = {}): Promise<WholeSystem> {
  const database = await testDatabase();
  await seed(database.connections.owner);
  const directory = await mkdtemp(join(tmpdir(), "strongroom-whole-"));
  const port = await findPort(0);
  const url = `http://127.0.0.1:${port}`;
  const config = configOf(url, directory, database.connections, { timeDivisor, maxRetries });
  const ports = await connectEmbedded(config, silentLog, { ...(faults && { faults }) });
  usePorts(ports);
  const issuer = await openIssuer({ dataDirectory: directory, ...config.auth });
  const stop = new AbortController();
  const objects = { prefix: "/objects/", handle: createObjectServer(ports.objects) };
  const mounts = [objects, issuer.mount, noticeMount(ports.push, { stopping: stop.signal })];
  const http = createHttpServer({ handlers, mounts, log: silentLog });
  await http.listen({ port });
  const work = [runSchedules(ports, stop.signal)];
  for (const worker of [processor, relay, notifier])
    work.push((await worker({ ports, name: "test", stopping: stop.signal })).done);
  return {
    url,
    directory,
    superuser: database.superuser,
    ports,
    clientOf: (name) => clientFor(url, issuer, name),
    close: async () => {
      stop.abort();
      await Promise.all([http.close(), ...work]);
      await ports.close();
      await database.drop();
      await rm(directory, { recursive: true });
    },
  };
}

/** A client of one of the seeded people; it does not give up, and does not wait as long as it is asked to. */
export async function clientFor(url: string, issuer: Issuer, name: string): Promise<Client> {
  const { tenantId, userId } = seededPeople.find((person) => person.name === name)!;
  const token = await issuer.issueToken({ tenantId, userId, hours: 1 });
  return createClient({ url, token, patience: stubborn });
}

/** Tries a hundred times, a quarter of a second apart at most, whatever the server says. */
export const stubborn: Patience = {
  ...defaultPatience,
  tries: 100,
  triesOnceMet: 100,
  sleep: (delayMs, signal) => defaultPatience.sleep(Math.min(delayMs, 250), signal),
};

/** Resolves when nothing is on its way any more; looked at every 100 ms, since a database tells nobody of its rest. */
export async function untilQuiet(superuser: Connection): Promise<void> {
  while (!(await isQuiet(superuser))) await systemClock.sleep(100);
}

function configOf(
  url: string,
  dataDirectory: string,
  connections: EmbeddedBackend["connections"],
  { timeDivisor, maxRetries }: Required<Pick<Options, "timeDivisor" | "maxRetries">>,
): Config {
  return {
    publicUrl: url,
    cell: "even",
    backend: { kind: "embedded", dataDirectory, connections },
    auth: { issuer: `${url}/issuer`, audience: "strongroom", claims: defaultClaims },
    secrets: { uploadKey: randomBytes(32), ticketKey: randomBytes(32), originSecrets: [] },
    periods: dividePeriods(timeDivisor),
    jobs: 2,
    maxRetries,
    backupDays: 35,
  };
}

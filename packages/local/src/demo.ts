import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Client, createClient } from "@strongroom/cli/client";
import { Refusal } from "@strongroom/core/errors";
import { systemIds } from "@strongroom/core/ids";
import { jsonLog } from "@strongroom/core/log";
import { readArguments } from "./arguments.ts";
import { rowOf, showProgress } from "./demo-display.ts";
import { checkNotices } from "./demo-notices.ts";
import { listOrders } from "./demo-orders.ts";
import { type DemoResult, runOrders } from "./demo-run.ts";
import { writeLogFile } from "./log-file.ts";
import { formatDemoEnd, formatDemoTable } from "./demo-table.ts";
import { seededPeople } from "./seed.ts";
import { type RunningSystem, startSystem } from "./system.ts";

const drivers = seededPeople.filter(({ role }) => role === "driver");
const say = (line: string) => process.stdout.write(`${line}\n`);

const usage = `Starts Strongroom in a directory of its own, sends a mixed batch of documents, and verifies all that comes back.

  npm run demo                         samples alone
  npm run demo -- photo.jpg ~/scans    and files and folders of your own
`;

/** Starts a system of its own, sends the batch, verifies everything; true when all of it held. */
async function main(paths: string[]): Promise<boolean> {
  const orders = await listOrders(paths);
  const dataDirectory = await mkdtemp(join(tmpdir(), "strongroom-demo-"));
  const log = jsonLog({ process: "local" }, writeLogFile(join(dataDirectory, "local.log")));
  say("Starting PostgreSQL, API, upload server, processor, relay and notifier …");
  const starting = startSystem({ dataDirectory, port: 0, databaseUrl: null, log });
  const letGo = endWhenInterrupted(starting, dataDirectory);
  const system = await starting.catch(async (error) => {
    if (error instanceof Refusal) await rm(dataDirectory, { recursive: true, force: true }); // it says all there is to say
    throw error;
  });
  let held = false;
  try {
    say(
      `Strongroom runs at ${system.url}. Sending ${orders.length} documents as ${drivers.map(({ name, tenant }) => `${name} (${tenant})`).join(", ")}.\n`,
    );
    const startedMs = performance.now();
    const devices = await Promise.all(drivers.map((driver) => signIn(system, driver)));
    const results = await runOrders(
      devices.map(({ client }) => client),
      orders,
      showProgress(orders, process.stdout),
    );
    const seconds = (performance.now() - startedMs) / 1_000;
    const told = await checkNotices(
      system.ports.push,
      devices.map(({ pushToken }) => pushToken),
      results,
    );
    held = await report(system, results, seconds, told);
  } finally {
    await system.stop();
    letGo(); // a signal that comes meanwhile waits for the same end
  }
  if (held) await rm(dataDirectory, { recursive: true });
  else say(`What the system wrote is kept in ${dataDirectory}.`);
  return held;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Once a signal came: ends all, and then the process. What fails from then on fails for that reason. */
let ending: Promise<void> = Promise.resolve();

/** Nobody starts again on a directory of the demo: what runs there ends with it, however often and however early it is told to. */
function endWhenInterrupted(starting: Promise<RunningSystem>, dataDirectory: string): () => void {
  const end = async () => {
    letGo();
    for (const signal of signals) process.on(signal, () => {});
    await starting.then(
      (system) => system.stop(),
      () => {},
    );
    await rm(dataDirectory, { recursive: true, force: true });
    process.exit(130);
  };
  const interrupted = () => void (ending = end());
  const letGo = () => signals.forEach((signal) => process.off(signal, interrupted));
  for (const signal of signals) process.on(signal, interrupted);
  return letGo;
}

/** A driver's phone: a token, and a device that gets pushes. */
async function signIn(
  system: RunningSystem,
  { tenantId, userId }: (typeof drivers)[number],
): Promise<{ client: Client; pushToken: string }> {
  const client = createClient({
    url: system.url,
    token: await system.issuer.issueToken({ tenantId, userId, hours: 2 }),
  });
  const pushToken = `demo-${systemIds.uuid()}`;
  await client.call("registerDevice", {
    params: { id: systemIds.uuid() },
    body: { platform: "web", pushToken },
  });
  return { client, pushToken };
}

async function report(
  system: RunningSystem,
  results: DemoResult[],
  seconds: number,
  told: number,
): Promise<boolean> {
  const rows = results.map(rowOf);
  const stored = results.filter(({ state }) => state === "stored");
  const held = results.every(({ faults }) => faults.length === 0);
  const { isolation } = await system.ports.database.system
    .selectFrom("worker")
    .select("isolation")
    .where("kind", "=", "processor")
    .executeTakeFirstOrThrow();
  say(`\n${formatDemoTable(rows).join("\n")}\n`);
  if (held) {
    say(`Read back ${stored.length} documents: every original has the SHA-256 that was sent.`);
    say(`Verified ${stored.length} receipts offline, each over exactly these originals.`);
    say(`Pushed ${told} notices, one per document.`);
  }
  say(
    `Decode children: ${Object.entries(isolation ?? {})
      .map(([what, level]) => `${what} ${level}`)
      .join(", ")}. ${await memory(system)}`,
  );
  say(formatDemoEnd(rows, seconds).join("\n"));
  return held;
}

/** Highest resident memory so far of the process that decodes nothing itself, and of this one. */
async function memory(system: RunningSystem): Promise<string> {
  const { processor } = system.pids();
  const [theirs, ours] = [
    processor === null ? null : await peakMegabytes(processor),
    await peakMegabytes(process.pid),
  ];
  return `Peak memory: processor ${theirs ?? "?"} MB, API with upload server and this demo ${ours ?? "?"} MB.`;
}

async function peakMegabytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const peak = /VmHWM:\s+(\d+)/.exec(status)?.[1];
  return peak === undefined ? null : Math.round(Number(peak) / 1_000);
}

/** `npm run` goes to the root of the repository first; paths count from where the person is. */
const calledFrom = (): string => (process.env.npm_lifecycle_event === "demo" && process.env.INIT_CWD) || ".";

for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // nobody reads any more: what runs is ended all the same
try {
  const { help, paths } = readArguments(process.argv.slice(2), { usage, takesPaths: true });
  if (help) process.stdout.write(usage);
  else process.exitCode = (await main(paths.map((path) => resolve(calledFrom(), path)))) ? 0 : 1;
} catch (error) {
  await ending;
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

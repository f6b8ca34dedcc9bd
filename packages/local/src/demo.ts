import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jsonLog } from "@strongroom/core/log";
import { createWriteStream } from "node:fs";
import { clientFor, type DemoResult, runOrders } from "./demo-run.ts";
import { type DemoOrder, listOrders } from "./demo-orders.ts";
import { seededPeople } from "./seed.ts";
import { type RunningSystem, startSystem } from "./system.ts";

const drivers = seededPeople.filter(({ role }) => role === "driver");

async function main(): Promise<boolean> {
  const orders = await listOrders(process.argv.slice(2));
  const dataDirectory = await mkdtemp(join(tmpdir(), "strongroom-"));
  const logFile = createWriteStream(join(dataDirectory, "local.log"), { mode: 0o600 });
  const log = jsonLog({ process: "local" }, (line) => logFile.write(line));
  const system = await startSystem({ dataDirectory, port: 0, databaseUrl: process.env.DATABASE_URL ?? null, log });
  let holds = false;
  try {
    const startedMs = performance.now();
    const results = await send(system, orders);
    const seconds = (performance.now() - startedMs) / 1_000;
    process.stdout.write(await summary(system, results, seconds));
    holds = results.every(({ faults }) => faults.length === 0);
  } finally {
    await system.stop();
    logFile.end();
  }
  if (holds) await rm(dataDirectory, { recursive: true });
  else process.stdout.write(`What the system wrote is kept in ${dataDirectory}.\n`);
  return holds;
}

async function send(system: RunningSystem, orders: DemoOrder[]): Promise<DemoResult[]> {
  const clients = await Promise.all(
    drivers.map(async ({ tenantId, userId }) => clientFor(system.url, await system.issuer.issueToken({ tenantId, userId, hours: 2 }))),
  );
  return await runOrders(clients, orders, (demo, state) => process.stdout.write(`${demo.label}: ${state}\n`));
}

async function summary(system: RunningSystem, results: DemoResult[], seconds: number): Promise<string> {
  const rows = results.map((r) => [r.demo.label, r.document?.pageCount ?? "", r.state, r.reason ?? "", r.sentBytes, Math.round(r.tookMs), r.document?.confirmationCode ?? "", r.faults.join("; ")].join(" | "));
  const { processor } = system.pids();
  const peak = async (pid: number) => /VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
  return `${rows.join("\n")}\n${results.length} documents in ${seconds.toFixed(1)} s; peak kB: processor ${processor && (await peak(processor))} local ${await peak(process.pid)}\n`;
}

process.exitCode = (await main()) ? 0 : 1;

import { hostname } from "node:os";
import { jsonLog } from "@strongroom/core/log";
import { reportHealth } from "./health.ts";
import { runMigrator } from "./migrator.ts";
import { notifier } from "./notifier.ts";
import { opener } from "./opener.ts";
import { connectPorts } from "./ports.ts";
import { readProbeAddress, serveProbes } from "./probe-server.ts";
import { processor } from "./processor.ts";
import { relay } from "./relay.ts";
import { createVitals } from "./vitals.ts";
import type { Worker } from "./worker.ts";

const workers = new Map<string, Worker>(Object.entries({ processor, relay, notifier, opener }));

const kind = process.argv[2] ?? "";
if (kind === "migrator") {
  process.exit((await runMigrator(process.env)) ? 0 : 1); // one run, and the end of the process tells how it went
}
const worker = workers.get(kind);
if (!worker) {
  process.stderr.write(`Which worker? One of: ${[...workers.keys(), "migrator"].join(", ")}.\n`);
  process.exit(2);
}

// On AWS a line without an event is counted by nobody: a wrong configuration, say, has to be heard of.
process.on("uncaughtException", (error) => {
  const log = jsonLog({ process: kind, pid: process.pid });
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)); // no words: they may hold what is private
  log.error("worker.died", { error, where: frames.map((line) => line.trim()).join(", ") });
  process.exit(1);
});

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort(signal));
// Started by a parent that holds a channel to us: when it is killed, the channel closes, and we go in good order too.
process.on("disconnect", () => stop.abort("the parent is gone"));
process.stderr.on("error", () => {}); // whoever read our log is gone: no reason to drop what is in hand

const name = `${kind}-${hostname()}-${process.pid}`;
const ports = await connectPorts(kind);
const vitals = createVitals(ports.clock);
const address = readProbeAddress(process.env);
const { done, isolation } = await worker({ ports, name, stopping: stop.signal, vitals });
const probes = address && (await serveProbes(ports, vitals, address));
ports.log.info("worker.started", { kind, ...isolation, ...(probes && { probePort: probes.port }) });
if (process.connected) process.send!({ ready: true });
const onBeat = (taken: boolean) => vitals.count("strongroom_worker_beats_total", { taken: String(taken) });
const reporting = reportHealth(ports, { name, kind, isolation, onBeat }, stop.signal);
await done;
stop.abort("done");
await reporting;
await probes?.close();
await ports.close();
ports.log.info("worker.stopped", { kind });
if (process.connected) process.disconnect();

/*
 * Loaded before anything else by every process of the system under proof (`--import preload.ts?plan=…`): edits sources
 * while they are loaded, and gives its ports the weather that the controls of the harness say.
 */
import { enableCompileCache, flushCompileCache, registerHooks } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "@strongroom/local/test-random";
import type { FaultyProcess } from "../check/demands.ts";
import { openControls, type StandingPoint } from "./controls.ts";
import { adapterFaults, flakyPorts, type FlakyRates, type Weather } from "./flaky-ports.ts";
import { watchChildren } from "./exits.ts";
import { edited, fileOf, type SourceEdit } from "./source-edits.ts";
import { openTally } from "./tally.ts";

/** What a process under proof is told by the address of its preload. */
export type PreloadPlan = {
  seed: number;
  timeDivisor: number;
  /** Directory of the controls. */
  controls: string;
  /** File in which parents tell how their children ended. */
  exits: string;
  /** File in which all count how often faults struck. */
  tally: string;
  /** Where compiled modules are kept: one place for all processes, which each have temporary files of their own. */
  compiled: string;
  rates: FlakyRates;
  edits: SourceEdit[];
};

/** A process that is killed writes no cache at its end; by then it has loaded what it needs. */
const cacheAfterMs = 3_000;
/** An SDK waits this long for an answer, and at most this long before its second try; both in real time. */
const client = { timeoutMs: 30_000, restMs: 100 };

const encoded = new URL(import.meta.url).searchParams.get("plan") ?? "";
const plan = JSON.parse(Buffer.from(encoded, "base64url").toString()) as PreloadPlan;
const random = seededRandom(plan.seed ^ process.pid);
// Dozens of processes start in a run: what one has compiled, the others need not.
enableCompileCache(plan.compiled);
setTimeout(flushCompileCache, cacheAfterMs).unref();
const controls = openControls(plan.controls);
watchChildren(plan.exits);
/** A worker is told by its first word what it is; main is told nothing. */
const tally = openTally(plan.tally, (process.argv[2] ?? "main") as FaultyProcess);
const isBad = () => controls.isRaised("faults");
const weather: Weather = {
  strikes: (port, kind) => {
    if (!isBad()) return false;
    const struck = random() < plan.rates[kind];
    tally.count(port, kind, struck);
    return struck;
  },
  async untilThere(service) {
    const deadline = performance.now() + client.timeoutMs / plan.timeDivisor;
    while (controls.isRaised(`${service} away`)) {
      if (performance.now() > deadline) throw new Error(`chaos: no answer from ${service}`);
      await sleep(20);
    }
  },
  done: (what) => void (controls.take(`die after ${what}`) && process.kill(process.pid, "SIGKILL")),
  rest: (tries) => sleep((random() * client.restMs * 2 ** tries) / plan.timeDivisor),
};

function stand(point: StandingPoint, document: string): void {
  if (!controls.take(`stand still ${point}`)) return;
  controls.leaveWord(process.pid, { point, document });
  process.kill(process.pid, "SIGSTOP");
}

/** Stands when the first bytes are on their way and more are asked for. */
async function* thenStand<One>(point: StandingPoint, document: string, bytes: AsyncIterable<One>) {
  for await (const one of bytes) {
    yield one;
    stand(point, document);
  }
}

Object.assign(globalThis, {
  strongroomChaos: {
    preload: import.meta.url,
    timeDivisor: plan.timeDivisor,
    faults: (port: "queue" | "stream") =>
      adapterFaults(plan.rates, {
        isBad,
        random,
        count: (kind, struck) => tally.count(port, kind, struck),
      }),
    wrap: (ports: Parameters<typeof flakyPorts>[0]) => flakyPorts(ports, weather),
    stand,
    thenStand,
    dropsEvent: () => weather.strikes("objects", "drop"),
  },
});

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const file = fileOf(url);
    if (file === null || !plan.edits.some((edit) => edit.file === file)) return loaded;
    const source = loaded.source;
    const text = typeof source === "string" ? source : Buffer.from(source as Uint8Array).toString();
    return { ...loaded, source: edited(file, text, plan.edits) };
  },
});

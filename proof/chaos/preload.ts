/*
 * Loaded before anything else by every process of the system under proof (`--import preload.ts?plan=…`): edits sources
 * while they are loaded, and makes ports flaky as long as the plan's flag file exists.
 */
import { existsSync } from "node:fs";
import { enableCompileCache, flushCompileCache, registerHooks } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "@strongroom/local/test-random";
import { adapterFaults, flakyPorts, type FlakyRates } from "./flaky-ports.ts";
import { edited, fileOf, type SourceEdit } from "./source-edits.ts";

/** What a process under proof is told by the address of its preload. */
export type PreloadPlan = {
  seed: number;
  timeDivisor: number;
  /** Faults strike while this file is there. */
  flagFile: string;
  rates: FlakyRates;
  edits: SourceEdit[];
};

/** A process that is killed writes no cache at its end; by then it has loaded what it needs. */
const cacheAfterMs = 3_000;

const encoded = new URL(import.meta.url).searchParams.get("plan") ?? "";
const plan = JSON.parse(Buffer.from(encoded, "base64url").toString()) as PreloadPlan;
const random = seededRandom(plan.seed ^ process.pid);
// Dozens of processes start in a run: what one has compiled, the others need not.
enableCompileCache(join(tmpdir(), "strongroom-chaos-compiled"));
setTimeout(flushCompileCache, cacheAfterMs).unref();
const strikes = (share: number) => existsSync(plan.flagFile) && random() < share;

Object.assign(globalThis, {
  strongroomChaos: {
    preload: import.meta.url,
    timeDivisor: plan.timeDivisor,
    faults: adapterFaults(plan.rates, strikes, random),
    wrap: (ports: Parameters<typeof flakyPorts>[0]) => flakyPorts(ports, plan.rates, strikes),
    dropsEvent: () => strikes(plan.rates.drop),
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

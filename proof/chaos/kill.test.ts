import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { End } from "../check/demands.ts";
import { endedAsMeant } from "../check/judge-harm.ts";
import { openControls } from "./controls.ts";
import { openExits, watchChildren } from "./exits.ts";
import { end, kill, killAt, killDecoder, type KillScene } from "./kill.ts";
import { isAlive } from "./process-tree.ts";

let directory: string;
let unwatch: () => void;
let started: ChildProcess[];
let ends: End[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "strongroom-kill-"));
  unwatch = watchChildren(join(directory, "exits"));
  [started, ends] = [[], []];
});
afterEach(async () => {
  unwatch();
  for (const child of started) child.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

/** A process that runs this program, once it says so. */
async function start(program: string): Promise<ChildProcess> {
  const args = [
    "--input-type=module",
    "-e",
    `${program}; process.send("ready"); setInterval(() => {}, 1_000);`,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  started.push(child);
  await once(child, "message");
  return child;
}

/** Ends in good order when it is told to. */
const stops = 'process.on("SIGTERM", () => process.exit(0))';

/** A part that runs these programs, one after the other, each when the one before has ended. */
async function sceneOf(...programs: string[]): Promise<KillScene> {
  let child = await start(programs.shift()!);
  const untilRunning = async () => {
    if (child.exitCode === null && child.signalCode === null) return child.pid!;
    return (child = await start(programs.shift() ?? "")).pid!;
  };
  return {
    installation: { untilRunning, pid: async () => (child.signalCode === null ? child.pid! : null) },
    controls: openControls(join(directory, "controls")),
    ledger: { hasBegun: async () => true },
    exits: openExits(join(directory, "exits")),
    random: () => 0,
    sleep: (ms: number) => sleep(ms),
    ended: (one: End) => void ends.push(one),
  } as unknown as KillScene;
}

test("whoever is killed lived, and died of that", async () => {
  const scene = await sceneOf(stops);
  const pid = started[0]!.pid!;
  expect(await kill(scene, "relay")).toBe(`relay ${pid}`);
  expect(ends).toEqual([
    { part: "relay", pid, sent: "SIGKILL", wasAlive: true, code: null, signal: "SIGKILL" },
  ]);
  expect(ends.every(endedAsMeant)).toBe(true);
  expect(await isAlive(pid)).toBe(false);
});

test("whoever is told to stop ends with a code of its own", async () => {
  const scene = await sceneOf(stops);
  await end(scene, "notifier", "SIGTERM");
  expect(ends).toMatchObject([{ sent: "SIGTERM", code: 0, signal: null }]);
  expect(ends.every(endedAsMeant)).toBe(true);
});

test("a worker is told to stop once it has begun", async () => {
  const begun = Promise.withResolvers<void>();
  const scene = await sceneOf(`process.on("SIGUSR2", () => { ${stops}; process.send("begun"); })`);
  const [child] = started as [ChildProcess];
  child.once("message", () => begun.resolve());
  let asked = 0;
  const hasBegun = async () => {
    if (++asked === 3) {
      child.kill("SIGUSR2");
      await begun.promise;
    }
    return asked > 3;
  };
  await end({ ...scene, ledger: { ...scene.ledger, hasBegun } }, "notifier", "SIGTERM");
  expect(ends).toMatchObject([{ pid: child.pid, code: 0 }]);
});

test("one that ends otherwise than it was told is replaced by the next, three times at most", async () => {
  const fails = 'process.on("SIGTERM", () => process.exit(1))';
  await end(await sceneOf(fails, stops), "relay", "SIGTERM");
  expect(ends.map(({ code }) => code)).toEqual([1, 0]);
  await end(await sceneOf(fails, fails, fails, stops), "relay", "SIGTERM");
  expect(ends.map(({ code }) => code)).toEqual([1, 0, 1, 1, 1]);
});

test("a process that had ended when it was to be killed is not the one: the next is", async () => {
  const scene = await sceneOf("", stops);
  const gone = started[0]!;
  const { installation } = scene;
  let asked = 0;
  const stale = async () => (asked++ === 0 ? gone.pid! : await installation.untilRunning("relay"));
  gone.kill("SIGKILL");
  await once(gone, "exit");
  await kill({ ...scene, installation: { ...installation, untilRunning: stale } }, "relay");
  expect(ends).toMatchObject([{ pid: started[1]!.pid, signal: "SIGKILL" }]);
});

const controlsModule = JSON.stringify(pathToFileURL(join(import.meta.dirname, "controls.ts")).href);
/** Comes to the point at once, and does this there. */
const atPoint = (what: string) => `
  const { openControls } = await import(${controlsModule});
  const controls = openControls(${JSON.stringify("DIRECTORY")});
  setInterval(() => { if (controls.take("die after publish")) ${what}; }, 2)`;
const there = (what: string) => atPoint(what).replace("DIRECTORY", join(directory, "controls"));

test("one that kills itself where it was told to died there; one that ended there otherwise was not killed", async () => {
  await killAt(await sceneOf(there(`process.kill(process.pid, "SIGKILL")`)), "relay", "die after publish");
  expect(ends.map(endedAsMeant)).toEqual([true]);
  const ended = await sceneOf(there("process.kill(process.pid, 'SIGTERM')"));
  await killAt(ended, "relay", "die after publish");
  expect(ends.map(endedAsMeant)).toEqual([true, false]);
});

test("one that does not come to its point is killed all the same, and says so", async () => {
  expect(await killAt(await sceneOf(""), "relay", "die after publish")).toMatch(
    /^not there in time, relay \d+$/,
  );
  expect(ends.map(endedAsMeant)).toEqual([true]);
});

test("a decoder is waited for, and is one only when its parent was told of its death", async () => {
  const watch = `const { watchChildren } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, "exits.ts")).href)});
    watchChildren(${JSON.stringify(join(directory, "exits"))});`;
  const decodes = `const { spawn } = await import("node:child_process"); setTimeout(() => spawn("sleep", ["60"]), 200)`;
  const scene = await sceneOf(`${watch}${decodes}`);
  expect(await killDecoder(scene, async () => false)).toBe("no decoder");
  expect(await killDecoder(scene, async () => true)).toMatch(/^decoder \d+$/);
  expect(ends.map(endedAsMeant)).toEqual([true]);
  expect(await killDecoder(scene, async () => true)).toBe("no decoder");
  expect(ends).toHaveLength(1);
});

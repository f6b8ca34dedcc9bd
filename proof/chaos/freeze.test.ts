import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openControls, standingPoints } from "./controls.ts";
import { freeze } from "./freeze.ts";
import type { Scene } from "./injuries.ts";

/** A process that comes to every point again and again, each time with another document in hand. */
const program = (directory: string) => `
  const { openControls, standingPoints } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, "controls.ts")).href)});
  const controls = openControls(${JSON.stringify(directory)});
  let documents = 0;
  process.on("SIGTERM", () => process.exit(0));
  setInterval(() => {
    for (const point of standingPoints) {
      if (!controls.take("stand still " + point)) continue;
      controls.leaveWord(process.pid, { point, document: process.pid + "." + documents++ });
      process.kill(process.pid, "SIGSTOP");
      return; // the signal may take a moment: it must not come to a second point meanwhile
    }
  }, 2);
  process.send("ready");
`;

let directory: string;
let children: ChildProcess[];
let written: { what: string; point?: string; document?: string; isTaken?: boolean }[];
beforeEach(async () => {
  [directory, children, written] = [await mkdtemp(join(tmpdir(), "strongroom-freeze-")), [], []];
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

async function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program(directory)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  children.push(child);
  await once(child, "message");
  return child;
}

/** `isKept`: documents that nobody else takes while their processor stands still. */
async function sceneWith(isKept: (document: string) => boolean): Promise<Scene & { parts: number[] }> {
  const first = await start();
  const [rung, parts] = [new Set<string>(), [] as number[]];
  const ledger = {
    inHand: async () => {
      const words = children.flatMap(({ pid }) => wordOf(pid!));
      return words.map(({ id, worker }) => ({ tenantId: "t", id, token: 1, worker }));
    },
    ring: async (names: string[]) => names.forEach((name) => rung.add(name.split("/")[1]!)),
    tokensOf: async (ids: string[]) => new Map(ids.map((id) => [id, rung.has(id) && !isKept(id) ? 2 : 1])),
    redeliver: async (id: string) => void rung.add(id),
    isAcknowledged: async (id: string) => rung.has(id) && !isKept(id),
    close: async () => {},
  };
  const controls = openControls(directory);
  const wordOf = (pid: number) => {
    try {
      return [{ id: controls.wordOf(pid).document, worker: `processor-${pid}` }];
    } catch {
      return []; // it has not stood still yet
    }
  };
  const scene = {
    installation: { startSecond: start, untilRunning: async () => first.pid! },
    controls,
    history: { write: (entry: (typeof written)[number]) => void written.push(entry) },
    ledger,
    sleep: (ms: number) => sleep(ms),
    slowness: 1,
    leaseMs: 60,
    points: [...standingPoints, ...standingPoints],
    pointsEach: standingPoints.length,
    release: ({ part = 1 } = {}) => void parts.push(part),
    parts,
  };
  return scene as unknown as Scene & { parts: number[] };
}

test("one stands still at each point until others have what it held; those that were started for it end, the first goes on", async () => {
  const scene = await sceneWith(() => false);
  expect(await freeze(scene)).toBe("7 of 7 stood still and lost what they held");
  expect(new Set(written.map(({ point }) => point))).toEqual(new Set(standingPoints));
  expect(written).toHaveLength(7);
  expect(written.every(({ isTaken }) => isTaken)).toBe(true);
  expect(scene.points).toEqual(standingPoints); // the next injury's
  expect(scene.parts.slice(0, 2)).toEqual([0.5, 1]); // a slow machine may need more;
  const [first, ...others] = children;
  expect(others.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  expect(first).toMatchObject({ exitCode: null, signalCode: null });
  first!.kill("SIGTERM");
  expect(await once(first!, "exit")).toEqual([0, null]); // it does not stand still any more
});

test("one that lost nothing counts as such, and another stands in its place", async () => {
  const kept = new Set<string>();
  const isKept = (document: string) => kept.has(document) || (kept.size < 2 && Boolean(kept.add(document)));
  expect(await freeze(await sceneWith(isKept))).toBe("7 of 7 stood still and lost what they held");
  expect(written.filter(({ isTaken }) => !isTaken)).toHaveLength(2);
  expect(written.filter(({ isTaken }) => isTaken)).toHaveLength(7);
});

test("when none ever lost anything, it says so after a few waves", async () => {
  expect(await freeze(await sceneWith(() => true))).toBe("0 of 7 stood still and lost what they held");
  expect(written.some(({ isTaken }) => isTaken)).toBe(false);
});

import { createHash } from "node:crypto";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Control, type Controls, type StandingPoint, standingPoints } from "./controls.ts";
import type { History } from "./history.ts";
import type { Held, Ledger } from "./ledger.ts";
import type { Installation, Part } from "./installation.ts";
import { withoutTable } from "./outage.ts";
import type { InjuryKind } from "./plan.ts";
import { probeGrants } from "./probe-grants.ts";
import type { Driver } from "./driver.ts";
import { childrenOf, signal, standsStill } from "./process-tree.ts";
import type { SmallDisk } from "./small-disk.ts";

/** What injuries are done to, and with. */
export type Scene = {
  installation: Installation;
  controls: Controls;
  history: History;
  ledger: Ledger;
  random: () => number;
  sleep: (delayMs: number) => Promise<void>;
  outageMs: number;
  /** How much longer than on an idle machine a process takes here. */
  slowness: number;
  leaseMs: number;
  /** Whose grants are asked for while a dependency is gone. */
  prober: Driver;
  disk: SmallDisk | null;
  /** Lets drivers go on to the documents of this injury's share, and so many more. */
  release: (more?: number) => void;
};

/** When no work came up by then, a kill is done all the same. */
const patienceMs = 3_000;
/** A rescuer that is starved of processor time takes this many leases to claim. */
const takeOverLeases = 10;
/** A processor that lost nothing is frozen again, so many times at most. */
const freezeTries = 3;
/** To freeze a processor that holds nothing proves nothing: for that, work is waited for longer. */
const freezePatienceMs = 15_000;

/** Does one injury, and waits until what was hurt runs again. */
export async function injure(scene: Scene, kind: InjuryKind): Promise<void> {
  if (kind !== "freeze processor") scene.release();
  scene.history.write({ what: "injury", kind, detail: (await injuries[kind](scene)) ?? "" });
}

type Injury = (scene: Scene) => Promise<string | void>;

const injuries: Record<InjuryKind, Injury> = {
  "kill processor": async (scene) => {
    await untilAtWork(scene);
    await scene.sleep(scene.random() * 80);
    return await kill(scene, "processor");
  },
  "kill processor at the vault": async (scene) => {
    const found = await untilInVault(scene, patienceMs);
    return `${found === null ? "not seen in the vault" : "in the vault"}, ${await kill(scene, "processor")}`;
  },
  "kill decoder": killDecoder,
  "kill relay": (scene) => kill(scene, "relay"),
  "kill relay before its mark": (scene) => killAt(scene, "relay", "die after publish"),
  "kill notifier": (scene) => kill(scene, "notifier"),
  "kill notifier before its record": (scene) => killAt(scene, "notifier", "die after push"),
  "kill main": (scene) => kill(scene, "main"),
  "kill postgres": (scene) => kill(scene, "postgres"),
  "freeze processor": freeze,
  "restart main": async ({ installation }) => {
    const code = await installation.stopMain({ anew: true });
    await installation.untilRunning("main");
    return `it ended with ${code}`;
  },
  "restart workers": async (scene) => {
    const told = [];
    for (const part of ["processor", "relay", "notifier"] as const)
      told.push(await end(scene, part, "SIGTERM"));
    return told.join(", ");
  },
  "cut database connections": async ({ installation, random }) =>
    `${installation.database.cut(0.5, random)} connections`,
  "database away": async (scene) => {
    scene.installation.database.setMode("blackhole");
    try {
      await probeGrants(scene, "database");
    } finally {
      scene.installation.database.setMode("open");
    }
  },
  "database refuses": async ({ installation, sleep, outageMs }) => {
    installation.database.setMode("refuse");
    await sleep(outageMs / 3);
    installation.database.setMode("open");
  },
  "push away": (scene) => withoutTable(scene, "push", "embedded.push_inbox"),
  "stream away": (scene) => withoutTable(scene, "stream", "embedded.stream_record"),
  "queue away": (scene) => withoutTable(scene, "queue", "embedded.queue_message"),
  "objects away": (scene) => without(scene, "objects"),
  "keys away": (scene) => without(scene, "keys"),
  "disk full": async ({ disk, sleep, outageMs }) => {
    if (disk === null) return "skipped: mounting is not allowed here";
    await disk.fill();
    await sleep(outageMs / 2);
    await disk.relieve();
    return "no space left for a while";
  },
};

const kill = (scene: Scene, part: Part): Promise<string> => end(scene, part, "SIGKILL");

/** Resolves once the part runs anew. */
async function end({ installation, sleep }: Scene, part: Part, how: "SIGKILL" | "SIGTERM"): Promise<string> {
  const pid = await installation.untilRunning(part);
  if (!signal(pid, how)) return `${part} ${pid} was gone`;
  while ((await installation.untilRunning(part)) === pid) await sleep(10);
  return `${part} ${pid}`;
}

/** The process kills itself where it is told to; when it does not get there, it is killed all the same. */
async function killAt(scene: Scene, part: Part, where: Control): Promise<string> {
  const { installation, controls, sleep } = scene;
  const pid = await installation.untilRunning(part);
  const deadline = performance.now() + patienceMs;
  controls.raise(where);
  while (performance.now() < deadline && (await installation.pid(part)) === pid) await sleep(10);
  const cameThere = !controls.isRaised(where);
  controls.lower(where);
  if (!cameThere) return `not there in time, ${await kill(scene, part)}`;
  while ((await installation.untilRunning(part)) === pid) await sleep(10);
  return `${part} ${pid}`;
}

/** Requests to a service hang, until their client has had enough. */
async function without(scene: Scene, away: "objects" | "keys"): Promise<void> {
  const { controls } = scene;
  controls.raise(`${away} away`);
  await probeGrants(scene, away).finally(() => controls.lower(`${away} away`));
}

async function killDecoder(scene: Scene): Promise<string> {
  await untilAtWork(scene);
  const children = await childrenOf(await scene.installation.untilRunning("processor"));
  const victim = children[Math.floor(scene.random() * children.length)];
  return victim && signal(victim.pid, "SIGKILL") ? `decoder ${victim.pid}` : "no decoder";
}

/**
 * Of two processors one stands still in the middle of its work until the other holds what it held; then that one stands
 * still in turn, and the first goes on: a zombie with the field to itself. At the end both go on, and the second one ends.
 */
async function freeze(scene: Scene): Promise<string> {
  const { installation, sleep, leaseMs } = scene;
  const second = await installation.startSecond("processor");
  scene.release(); // not before: while the second one starts, the first would do it all
  const first = await installation.untilRunning("processor");
  try {
    for (let tries = 1; ; tries++) {
      const point = standingPoints[Math.floor(scene.random() * standingPoints.length)]!;
      const frozen = (await untilOneStands(scene, [first, second.pid!], point)) ?? first;
      const rescuer = frozen === first ? second.pid! : first;
      if (!signal(frozen, "SIGSTOP")) return "gone before it could be stopped";
      const held = await heldBy(scene, frozen);
      if (held.length > 0) await sleep(leaseMs * 1.1);
      const isTaken = await untilTaken(scene, held);
      if (isTaken) signal(rescuer, "SIGSTOP");
      signal(frozen, "SIGCONT");
      if (isTaken) await untilSettled(scene, held);
      // What was frozen in its very last step leaves nothing to take over.
      if (isTaken || tries === freezeTries)
        return `processor ${frozen} held ${held.length} before ${point} at try ${tries}, ${isTaken ? "and lost one to another" : "and lost none"}`;
    }
  } finally {
    signal(first, "SIGCONT");
    second.kill("SIGCONT");
    second.kill("SIGTERM");
    if (second.exitCode === null && second.signalCode === null) await once(second, "exit");
  }
}

/** Which of these processes came to a point with a document in hand and stands still there; null when none did for long. */
async function untilOneStands(
  { controls, sleep }: Scene,
  pids: number[],
  point: StandingPoint,
): Promise<number | null> {
  const where: Control = `stand still before ${point}`;
  controls.raise(where);
  const deadline = performance.now() + freezePatienceMs;
  for (; performance.now() < deadline; await sleep(5))
    for (const pid of pids) if (await standsStill(pid)) return pid;
  controls.lower(where);
  return null;
}

/** The zombie alone is awake: it has two thirds of a lease, or more on a slow machine, to do what it must not. */
async function untilSettled({ ledger, sleep, leaseMs, slowness }: Scene, held: string[]): Promise<void> {
  const ids = new Set(held.map((one) => one.split("/")[1]));
  const deadline = performance.now() + (leaseMs / 1.5) * Math.min(slowness, 10);
  while (performance.now() < deadline) {
    const left = (await ledger.inHand()).filter(({ id }) => ids.has(id));
    if (left.length < held.length) return;
    await sleep(20);
  }
}

/** Rings for them, as the reconciler will, and answers whether one of them is in other hands soon. */
async function untilTaken({ ledger, sleep, leaseMs }: Scene, held: string[]): Promise<boolean> {
  await ledger.ring(held);
  const deadline = performance.now() + takeOverLeases * leaseMs;
  while (held.length > 0 && performance.now() < deadline) {
    const ids = new Set(held.map((one) => one.split("/")[1]));
    const now = (await ledger.inHand()).filter(({ id }) => ids.has(id)).map(nameOf);
    if (now.some((one) => !held.includes(one))) return true;
    if (now.length === 0) return false; // their last commit was under way when they were stopped
    await sleep(5);
  }
  return false;
}

/** `tenant/document/token` of an attempt: so it stands in the vault, too. */
const nameOf = ({ tenantId, id, token }: Held): string => `${tenantId}/${id}/${token}`;

/** Attempts under way, as soon as there are any; none after a while without work. */
async function untilAtWork({ ledger, sleep }: Scene): Promise<string[]> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const held = await ledger.inHand();
    if (held.length > 0 || performance.now() > deadline) return held.map(nameOf);
    await sleep(5);
  }
}

/** The first attempt that is seen to have something in the vault and is not committed yet; null when none is. */
async function untilInVault(
  { installation, ledger, sleep }: Scene,
  withinMs: number,
): Promise<string | null> {
  const deadline = performance.now() + withinMs;
  const vault = join(installation.dataDirectory, "objects", "vault");
  for (; performance.now() < deadline; await sleep(3)) {
    for (const held of await ledger.inHand()) {
      const spread = createHash("sha256").update(held.id).digest("hex").slice(0, 2);
      const isThere = await stat(join(vault, spread, nameOf(held))).catch(() => null);
      if (isThere !== null) return nameOf(held);
    }
  }
  return null;
}

const heldBy = async ({ ledger }: Scene, pid: number): Promise<string[]> =>
  (await ledger.inHand()).filter(({ worker }) => worker.endsWith(`-${pid}`)).map(nameOf);

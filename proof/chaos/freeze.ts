import { once } from "node:events";
import type { Standing, StandingPoint } from "./controls.ts";
import type { Scene } from "./injuries.ts";
import { nameOf } from "./ledger.ts";
import { signal, standsStill } from "./process-tree.ts";

/** So many processors stand still at once, with one more awake: what takes long is that a lease ends, and one wait is enough for all. */
const atOnce = 4;
/** Beside those it takes when all goes well: a processor that lost nothing is made to stand again. */
const wavesMore = 2;
/** For work to come to a point, times the slowness, up to three times. */
const patienceMs = 5_000;
/** Documents that come for a wave in whose place another found too little to do. */
const documentsMore = 12;
/** A rescuer that is starved of processor time takes this many leases to claim. */
const takeOverLeases = 10;

/**
 * Of several processors all but one stand still, each at a point of its own, until the one that is left holds what they held;
 * then that one stands still in turn, and the others go on: zombies with the field to themselves. So again until all points
 * of this injury are done; at the end all go on, and those that were started for it end.
 */
export async function freeze(scene: Scene): Promise<string> {
  const { installation, points, pointsEach } = scene;
  const left = points.splice(0, pointsEach);
  const planned = left.length;
  const others = await Promise.all(left.slice(0, atOnce).map(() => installation.startSecond("processor")));
  const pids = [await installation.untilRunning("processor"), ...others.map(({ pid }) => pid!)];
  try {
    const waves = Math.ceil(planned / atOnce);
    for (let wave = 1; wave <= waves + wavesMore && left.length > 0; wave++) {
      // Not before: while the others start, the first would do it all, and the first wave what is there for the second.
      scene.release({ part: Math.min(1, wave / waves), more: documentsMore * Math.max(0, wave - waves) });
      const wanted = left.splice(0, atOnce);
      const done = await standPastLease(scene, pids, wanted);
      left.push(...wanted.filter((point) => !done.has(point)));
    }
    return `${planned - left.length} of ${planned} stood still and lost what they held`;
  } finally {
    for (const pid of pids) signal(pid, "SIGCONT");
    for (const other of others) other.kill("SIGTERM");
    const living = others.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(living.map((other) => once(other, "exit")));
  }
}

/** At which of these points a processor stood still until another had taken over what it held there. */
async function standPastLease(
  scene: Scene,
  pids: number[],
  points: StandingPoint[],
): Promise<Set<StandingPoint>> {
  const { ledger, history, sleep, leaseMs, slowness } = scene;
  const stopped = await untilStanding(scene, pids, points);
  const standing = [...stopped.values()];
  if (standing.length === 0) return new Set();
  try {
    const tokens = await ledger.tokensOf(standing.map(({ document }) => document));
    await sleep(leaseMs * 1.1);
    await ringForAll(scene, stopped);
    const taken = await untilTaken(scene, standing, tokens);
    for (const pid of pids) signal(pid, stopped.has(pid) ? "SIGCONT" : "SIGSTOP");
    for (const one of standing) history.write({ what: "stop", ...one, isTaken: taken.has(one.point) });
    // Two thirds of a lease, or more on a slow machine, to do what they must not.
    if (taken.size > 0) await sleep((leaseMs / 1.5) * slowness);
    return taken;
  } finally {
    for (const pid of pids) signal(pid, "SIGCONT");
  }
}

/** Which processes stand at which points with which documents in hand; after the first, others are waited for as long as its lease lasts. */
async function untilStanding(
  { controls, sleep, leaseMs, slowness }: Scene,
  pids: number[],
  points: StandingPoint[],
): Promise<Map<number, Standing>> {
  const standing = new Map<number, Standing>();
  let deadline = performance.now() + patienceMs * Math.min(slowness, 3);
  const look = async () => {
    for (const pid of pids) {
      if (standing.has(pid) || !(await standsStill(pid))) continue;
      if (standing.size === 0) deadline = performance.now() + leaseMs;
      standing.set(pid, controls.wordOf(pid));
    }
  };
  for (const point of points) controls.raise(`stand still ${point}`);
  for (; standing.size < points.length && performance.now() < deadline; await sleep(5)) await look();
  for (const point of points) controls.lower(`stand still ${point}`);
  await sleep(20); // one may have come there just now
  await look();
  return standing;
}

/** Rings for what they hold, as the reconciler will, those first with which they stand still; a doorbell that is not acknowledged comes again. */
async function ringForAll({ ledger }: Scene, stopped: Map<number, Standing>): Promise<void> {
  const standing = new Set([...stopped.values()].map(({ document }) => document));
  const held = (await ledger.inHand()).filter(({ worker }) =>
    [...stopped.keys()].some((pid) => worker.endsWith(`-${pid}`)),
  );
  const [first, later] = [
    held.filter(({ id }) => standing.has(id)),
    held.filter(({ id }) => !standing.has(id)),
  ];
  await ledger.ring([...first, ...later].map(nameOf));
  for (const { point, document } of stopped.values())
    if (point === "before ack") await ledger.redeliver(document);
}

/** The points whose documents others have claimed under another token; before the ack nothing is left to claim but the doorbell. */
async function untilTaken(
  { ledger, sleep, leaseMs }: Scene,
  standing: Standing[],
  tokens: Map<string, number>,
): Promise<Set<StandingPoint>> {
  const taken = new Set<StandingPoint>();
  const deadline = performance.now() + takeOverLeases * leaseMs;
  for (; taken.size < standing.length && performance.now() < deadline; await sleep(5)) {
    const now = await ledger.tokensOf(standing.map(({ document }) => document));
    for (const { point, document } of standing) {
      const isTaken =
        point === "before ack"
          ? await ledger.isAcknowledged(document)
          : now.has(document) && tokens.has(document) && now.get(document) !== tokens.get(document);
      if (isTaken) taken.add(point);
    }
  }
  return taken;
}

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { End } from "../check/demands.ts";
import { endedAsMeant } from "../check/judge-harm.ts";
import type { Controls, StandingPoint } from "./controls.ts";
import type { Exits } from "./exits.ts";
import { freeze } from "./freeze.ts";
import type { History } from "./history.ts";
import { type Held, type Ledger, nameOf } from "./ledger.ts";
import type { Installation } from "./installation.ts";
import { end, kill, killAt, killDecoder, patienceMs } from "./kill.ts";
import { withoutTable } from "./outage.ts";
import type { InjuryKind } from "./plan.ts";
import { probeGrants } from "./probe-grants.ts";
import type { Driver } from "./driver.ts";
import type { SmallDisk } from "./small-disk.ts";

/** What injuries are done to, and with. */
export type Scene = {
  installation: Installation;
  controls: Controls;
  history: History;
  ledger: Ledger;
  /** Of all processes that are killed. */
  exits: Exits;
  random: () => number;
  sleep: (delayMs: number) => Promise<void>;
  outageMs: number;
  /** How much longer than on an idle machine a process takes here. */
  slowness: number;
  leaseMs: number;
  /** Whose grants are asked for while a dependency is gone. */
  prober: Driver;
  disk: SmallDisk | null;
  /** At which processors are still to stand still, in this order; each injury that does it takes so many. */
  points: StandingPoint[];
  pointsEach: number;
  /** Lets drivers go on to the documents of this injury's share, or of a part of it (up to 1), and so many more. */
  release: (wish?: { part?: number; more?: number }) => void;
};

/** What an injury says of itself that did not strike where it was meant to: as another kill, or as nothing. */
const missed = /^(?:not seen in the vault|not there in time|no decoder|skipped|0 of )/;

/** Does one injury, and waits until what was hurt runs again. */
export async function injure(scene: Scene, kind: InjuryKind): Promise<void> {
  if (kind !== "freeze processor") scene.release();
  await strike(scene, kind);
}

/** The same without letting more documents through; whether it struck where it was meant to, and whoever was to end did. */
export async function strike(scene: Scene, kind: InjuryKind): Promise<boolean> {
  const ends: End[] = [];
  const detail = (await injuries[kind]({ ...scene, ended: (one) => void ends.push(one) })) ?? "";
  const struck = !missed.test(detail) && endedInTheEnd(ends);
  scene.history.write({ what: "injury", kind, detail, struck, ends });
  return struck;
}

/** Whether of each part one ended as it was meant to: one that did not is replaced by the next. */
const endedInTheEnd = (ends: readonly End[]): boolean =>
  ends.every(({ part }) => ends.some((one) => one.part === part && endedAsMeant(one)));

type Injury = (scene: Scene & { ended: (end: End) => void }) => Promise<string | void>;

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
  "kill decoder": (scene) => killDecoder(scene, (processor) => isAtWork(scene, processor)),
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

/** Requests to a service hang, until their client has had enough. */
async function without(scene: Scene, away: "objects" | "keys"): Promise<void> {
  const { controls } = scene;
  controls.raise(`${away} away`);
  await probeGrants(scene, away).finally(() => controls.lower(`${away} away`));
}

/** Until the processor has a document in hand; a while without work is enough, too. */
async function untilAtWork(scene: Scene): Promise<void> {
  const { installation, sleep } = scene;
  const deadline = performance.now() + patienceMs;
  for (; performance.now() < deadline; await sleep(5))
    if (await isAtWork(scene, await installation.untilRunning("processor"))) return;
}

/** One before it, that died, may have attempts in hand for as long as a lease. */
const isAtWork = async ({ ledger }: Scene, processor: number): Promise<boolean> =>
  (await ledger.inHand()).some((held) => isOf(held, processor));

const isOf = ({ worker }: Held, pid: number): boolean => worker.endsWith(`-${pid}`);

/** The first attempt that is seen to have something in the vault and is not committed yet; null when none is. */
async function untilInVault(
  { installation, ledger, sleep }: Scene,
  withinMs: number,
): Promise<string | null> {
  const deadline = performance.now() + withinMs;
  const vault = join(installation.dataDirectory, "objects", "vault");
  for (; performance.now() < deadline; await sleep(3)) {
    const processor = await installation.untilRunning("processor");
    for (const held of (await ledger.inHand()).filter((one) => isOf(one, processor))) {
      const spread = createHash("sha256").update(held.id).digest("hex").slice(0, 2);
      const isThere = await stat(join(vault, spread, nameOf(held))).catch(() => null);
      if (isThere !== null) return nameOf(held);
    }
  }
  return null;
}

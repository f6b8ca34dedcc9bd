import type { End } from "../check/demands.ts";
import { endedAsMeant } from "../check/judge-harm.ts";
import type { Control } from "./controls.ts";
import type { Scene } from "./injuries.ts";
import type { Part } from "./installation.ts";
import { childrenOf, isAlive, signal } from "./process-tree.ts";

/** When no work came up by then, a kill is done all the same. */
export const patienceMs = 3_000;
/** So long its parent waits for a worker to begin; whoever is told to stop before that does not stop in good order. */
const beginMs = 30_000;
/** How often another one is ended in place of one that ended otherwise. */
const mostTries = 3;
const workers: ReadonlySet<Part> = new Set(["processor", "relay", "notifier"]);
/** The parent of a process that died may be busy; when it was told nothing by then, nobody knows that it died. */
const toldMs = 10_000;

/** Where the killing is done: `ended` is told of each process that was meant to end, and of what the kernel said it ended by. */
export type KillScene = Pick<Scene, "installation" | "ledger" | "controls" | "exits" | "random" | "sleep"> & {
  ended: (end: End) => void;
};

/** What was ended, in words. */
export const kill = (scene: KillScene, part: Part): Promise<string> => end(scene, part, "SIGKILL");

/**
 * Resolves once the part runs anew. A process that ended before the signal came, or otherwise than by it, is not the one that
 * was meant: the next is.
 */
export async function end(scene: KillScene, part: Part, how: End["sent"]): Promise<string> {
  const { installation, exits, sleep } = scene;
  for (let tries = 0; ; await sleep(10)) {
    const pid = await untilBegun(scene, part, how === "SIGTERM" ? beginMs : patienceMs);
    const mark = exits.mark();
    if (!(await isAlive(pid)) || !signal(pid, how)) continue;
    while ((await installation.untilRunning(part)) === pid) await sleep(10);
    const asMeant = await tell(scene, { part, pid, sent: how, wasAlive: true }, mark);
    tries += 1;
    if (asMeant || tries === mostTries) return `${part} ${pid}`;
  }
}

/** A worker that has just been born has none of its code yet; one that told of its health has begun. The others are known to answer. */
async function untilBegun(
  { installation, ledger, sleep }: KillScene,
  part: Part,
  withinMs: number,
): Promise<number> {
  const deadline = performance.now() + withinMs;
  for (; ; await sleep(5)) {
    const pid = await installation.untilRunning(part);
    if (!workers.has(part) || (await ledger.hasBegun(pid)) || performance.now() > deadline) return pid;
  }
}

/** The process kills itself where it is told to; when it does not get there, it is killed all the same. */
export async function killAt(scene: KillScene, part: Part, where: Control): Promise<string> {
  const { installation, controls, exits, sleep } = scene;
  const pid = await installation.untilRunning(part);
  const [mark, wasAlive] = [exits.mark(), await isAlive(pid)];
  const deadline = performance.now() + patienceMs;
  controls.raise(where);
  while (performance.now() < deadline && (await installation.pid(part)) === pid) await sleep(10);
  const cameThere = !controls.isRaised(where);
  controls.lower(where);
  if (!cameThere) return `not there in time, ${await kill(scene, part)}`;
  while ((await installation.untilRunning(part)) === pid) await sleep(10);
  await tell(scene, { part, pid, sent: "SIGKILL", wasAlive }, mark);
  return `${part} ${pid}`;
}

/**
 * One of the children that the processor has while it `isAtWork`: before that it has others, to see what walls there are. Each
 * lives for as long as a file is decoded, so that one must be met.
 */
export async function killDecoder(
  scene: KillScene,
  isAtWork: (processor: number) => Promise<boolean>,
): Promise<string> {
  const { installation, exits, random, sleep } = scene;
  const deadline = performance.now() + patienceMs;
  for (; performance.now() < deadline; await sleep(5)) {
    const processor = await installation.untilRunning("processor");
    if (!(await isAtWork(processor))) continue;
    const children = await childrenOf(processor);
    const victim = children[Math.floor(random() * children.length)];
    const mark = exits.mark();
    if (!victim || !(await isAlive(victim.pid)) || !signal(victim.pid, "SIGKILL")) continue;
    await tell(scene, { part: "decoder", pid: victim.pid, sent: "SIGKILL", wasAlive: true }, mark);
    return `decoder ${victim.pid}`;
  }
  return "no decoder";
}

/** Waits until the process's parent was told how it ended; whether that was as it was meant. */
async function tell(
  { exits, ended, sleep }: KillScene,
  meant: Omit<End, "code" | "signal">,
  mark: number,
): Promise<boolean> {
  const deadline = performance.now() + toldMs;
  let exit = exits.find(meant.pid, mark);
  while (exit === null && performance.now() < deadline) {
    await sleep(10);
    exit = exits.find(meant.pid, mark);
  }
  const one = { ...meant, code: exit?.code ?? null, signal: exit?.signal ?? null };
  ended(one);
  return endedAsMeant(one);
}

import { setTimeout as timer } from "node:timers/promises";
import { lies } from "./families/lies.ts";
import { drawHonest } from "./honest.ts";
import { honestDocuments, honestTruth } from "./honest-documents.ts";
import { childrenOf } from "./judge.ts";
import { sendInRounds } from "./send-in-rounds.ts";
import { judgeEnd } from "./send-through-pool.ts";
import { type LookedAt, type Sent, sendThroughSystem } from "./send-through-system.ts";
import { type Family, type ToxicFile } from "./toxic-file.ts";
import { standBack } from "./stand-back.ts";
import { makeToxicFiles } from "./toxic-files.ts";
import type { Amount } from "./wish.ts";
import { startWorld, type World } from "./world.ts";

/** How much is sent. */
export type Plan = Amount & {
  seed: number;
  /** Takes part of the toxic files; all by default. */
  select?: (file: ToxicFile) => boolean;
  preload?: string;
  say: (line: string) => void;
};

/** What came of one toxic file or lie. */
export type ToxicResult = {
  family: Family;
  kind: string;
  end: string;
  children: number;
  tookMs: number | null;
  misses: string[];
};

/** Everything that a run saw; judged by `judge`. A toxic file that was sent again is there again. */
export type Seen = {
  toxic: ToxicResult[];
  honest: LookedAt[];
  baseline: LookedAt[];
  /** Honest documents over which a decode child died. */
  crashedHonest: number;
  dead: string[];
  peakBytes: number;
};

/**
 * Starts a system, sends honest documents alone, then with all toxic files between them (again, until so many honest ones
 * as were asked for were on their way beside them), then alone again, and stops it.
 */
export async function run(plan: Plan): Promise<Seen> {
  const { seed, say, select = () => true } = plan;
  const honestFiles = await drawHonest(seed);
  const files = makeToxicFiles(honestFiles, plan).filter(select);
  say(`${files.length} toxic files of seed ${seed} are being written …`);
  const made = new Map<ToxicFile, Buffer>();
  for (const file of files) made.set(file, await file.bytes());
  const world = await startWorld(plan.preload);
  const comeForward = standBack();
  try {
    const told = plan.select ? [] : lies(honestFiles.jpeg);
    return await between(world, plan, files, (file) => made.get(file)!, told);
  } finally {
    comeForward();
    await world.stop();
  }
}

async function between(
  world: World,
  plan: Plan,
  files: readonly ToxicFile[],
  bytesOf: (file: ToxicFile) => Buffer,
  told: ReturnType<typeof lies>,
): Promise<Seen> {
  const documents = await honestDocuments(plan.seed);
  let number = 0;
  const sendHonest = () => sendThroughSystem(world, documents(number++), honestTruth);
  const perSecond = rateOf(await inTurn(Array.from({ length: plan.baseline > 0 ? 12 : 2 }), sendHonest));
  const alone = (count: number) => pace(perSecond, (index) => index < count, sendHonest);
  const rate = `${perSecond.toFixed(2)} a second`;
  plan.say(`${plan.baseline} honest documents alone, ${rate}; half of them before, half after …`);
  const before = await alone(Math.ceil(plan.baseline / 2));
  plan.say(`honest documents with ${files.length} toxic files and ${told.length} lies between them …`);
  let [done, begun, isOver] = [0, 0, false];
  const send = async (file: ToxicFile) => {
    const result = await sendToxic(world, file, bytesOf(file));
    if (++done % 100 === 0)
      plan.say(`  ${done} hostile ones, ${files.length} in a round; ${begun} honest ones`);
    return result;
  };
  // One hostile document at a time: two that spend their deadlines at once would hold both slots of a small machine.
  const sendAll = async () => [
    ...(await inTurn(told, async (lie) =>
      tell(lie, await lie.tell(world).catch((error: Error) => `failed: ${error.message}`)),
    )),
    ...(await sendInRounds(files, { seed: plan.seed, isEnough: () => begun >= plan.honest }, send)),
  ];
  const toxic = sendAll().finally(() => (isOver = true));
  // Whoever comes when no hostile one does is served as alone: none of those counts, however many are asked for.
  const sendBeside = () => ((begun += 1), sendHonest());
  const honest = await pace(perSecond, () => !isOver, sendBeside);
  const results = await toxic;
  const after = await alone(Math.floor(plan.baseline / 2));
  plan.say("what came of them is looked at …");
  const crashes = await world.countCrashes();
  return {
    toxic: (await inTurn(results, lookAt)).map(({ id, ...result }) =>
      withChildren(result, id === null ? 0 : (crashes.get(id) ?? 0)),
    ),
    honest: await inTurn(honest, lookAt),
    baseline: await inTurn([...before, ...after], lookAt),
    crashedHonest: [...before, ...honest, ...after].filter(({ id }) => crashes.has(id)).length,
    dead: await world.findDead(),
    peakBytes: world.peakBytes(),
  };
}

type Ended = Omit<ToxicResult, "children" | "misses"> &
  Pick<Sent, "look"> & { id: string | null; file: ToxicFile | null };

async function sendToxic(world: World, file: ToxicFile, bytes: Buffer): Promise<Ended> {
  const { name, declaredType, family, kind, truth } = file;
  const sent = await sendThroughSystem(world, [{ bytes, name, declaredType }], truth);
  return { ...sent, file, family, kind };
}

function tell({ kind, ends }: ReturnType<typeof lies>[number], end: string): Ended {
  const misses = ends.includes(end) ? [] : [`ended “${end}”, not ${ends.join(" or ")}`];
  return { id: null, file: null, family: "lies", kind, end, tookMs: null, look: async () => misses };
}

/** In the end, and not while others are timed: fetching and decoding all that came of a file is as much work as its way there. */
async function lookAt<T extends Pick<Sent, "look">>({ look, ...sent }: T) {
  const misses = await look().catch((error: Error) => [`could not be looked at: ${error.message}`]);
  return { ...sent, misses };
}

/** Those that died are told by the log; a lie costs none. */
function withChildren(
  { file, ...result }: Omit<ToxicResult, "children"> & Pick<Ended, "file">,
  crashes: number,
): ToxicResult {
  const children = result.family === "lies" ? 0 : childrenOf(result.end, crashes);
  const judged = file === null ? [] : judgeEnd(file, result.end, children);
  return { ...result, children, misses: [...judged, ...result.misses] };
}

/** One after another. */
async function inTurn<T, R>(things: readonly T[], act: (thing: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const thing of things) results.push(await act(thing));
  return results;
}

/** Share of one of the processor's slots that honest documents take: there is room for both them and toxic ones. */
const load = 0.3;
const mostPerSecond = 2;

/** How many a second this machine has room for, by the second half of some that went one by one. */
function rateOf(sent: readonly Sent[]): number {
  const times = sent.slice(sent.length >> 1).flatMap(({ tookMs }) => tookMs ?? []);
  const meanMs = times.reduce((sum, ms) => sum + ms, 0) / Math.max(1, times.length);
  return Math.min(mostPerSecond, (load * 1_000) / Math.max(1, meanMs));
}

/** So many a second, whatever the system does: an open loop, as people are one. Waits for all of them in the end. */
async function pace<R>(
  perSecond: number,
  goesOn: (index: number) => boolean,
  act: () => Promise<R>,
): Promise<R[]> {
  const startedMs = performance.now();
  const started: Promise<R>[] = [];
  for (let index = 0; goesOn(index); index += 1) {
    const waitMs = startedMs + (index * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await timer(waitMs);
    started.push(act());
  }
  return await Promise.all(started);
}

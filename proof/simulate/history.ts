import { judge } from "./judge.ts";
import { randomFrom } from "./random.ts";
import { strengths } from "./world/faults.ts";
import { Processes } from "./world/processes.ts";
import { periods, World } from "./world/world.ts";

/** What one history came to. */
export type Outcome = {
  seed: number;
  steps: number;
  /** Whether it was cleared away at its end, so that staging and vault were judged empty of strays. */
  isCleared: boolean;
  /** What does not hold; empty when all holds. */
  violations: string[];
  /** What befell it, by kind. */
  faults: ReadonlyMap<string, number>;
  /** The history, line by line; null unless asked for. */
  lines: readonly string[] | null;
};

/** Steps under faults, at most. */
const stormSteps = 260;
/** Rounds of the reconciler that a system without faults may take to come to rest. */
const roundsToRest = 14;
/** Share of the plain ends that are cleared away all the same: what is done there is the same in nearly all of them. */
const plainCleaned = 1 / 8;
/** Steps after which a history is taken to run in a circle; honest ones need a few hundred. */
const mostSteps = 8_000;
/** Nothing that goes on by itself takes longer than this from one step to the next. */
const idleMs = 5 * 60_000;

/** Plays the history of one seed: a storm, then quiet weather until the system rests, then the judgement. */
export async function playHistory(seed: number, traced = false): Promise<Outcome> {
  const random = randomFrom(seed);
  const world = new World(random, traced);
  const processes = new Processes(world);
  const { schedule } = world;
  schedule.strength = random.pick(strengths);
  processes.start();
  if (random.chance(0.5)) schedule.after(random.below(20_000), () => processes.reconcile());
  if (random.chance(0.3)) schedule.after(random.below(20_000), () => processes.sweep());
  await storm(world, processes);
  schedule.strength = 0;
  schedule.note("the storm is over");
  const { violations, isCleared } = await settle(world, processes);
  if (world.fault) violations.push(`${world.fault.message}: ${String(world.fault.cause)}`);
  return {
    seed,
    steps: schedule.steps,
    isCleared,
    violations,
    faults: schedule.faults,
    lines: schedule.lines,
  };
}

/** Where nothing moves, time passes to whatever comes next, and a round of the reconciler comes before it. */
async function storm({ schedule }: World, processes: Processes): Promise<void> {
  for (let jumps = 0; jumps < 3; jumps++) {
    await schedule.run(() => schedule.steps >= stormSteps, schedule.now + idleMs);
    if (schedule.steps >= stormSteps || processes.busy === 0) return;
    await schedule.run(() => processes.busy === 0 || schedule.steps >= stormSteps, schedule.now + 9 * day);
  }
}

const day = 86_400_000;

type Settled = Pick<Outcome, "violations" | "isCleared">;

async function settle(world: World, processes: Processes): Promise<Settled> {
  if (!(await comeToRest(world, processes))) return restless("the system does not come to rest", world);
  const failed = world.postgres.rows("document").filter(({ state }) => state === "failed");
  for (const { id } of failed) processes.redrive(id as string);
  if (failed.length > 0 && !(await comeToRest(world, processes)))
    return restless("the system does not come to rest after a redrive", world);
  const violations = judge(world, "rest");
  if (isPlain(world) && !world.schedule.random.chance(plainCleaned)) return { violations, isCleared: false };
  await clean(world, processes);
  return { violations: [...violations, ...judge(world, "clean")], isCleared: true };
}

const restless = (what: string, world: World): Settled => ({
  violations: [what, ...judge(world, "rest")],
  isCleared: false,
});

/** Every document is stored and has one page, and each object is a page that waits to be cleared or an artefact that stays. */
function isPlain({ postgres, store }: World): boolean {
  const files = postgres.rows("document_file");
  const wanted = new Set([
    ...files.map((row) => row["staging_key"]),
    ...postgres.rows("artefact").map((row) => row["vault_key"]),
  ]);
  return (
    postgres.rows("document").every(({ state }) => state === "stored") &&
    files.every(({ position }) => position === 1) &&
    [...store.objects.keys()].every((key) => wanted.has(key))
  );
}

async function comeToRest(world: World, processes: Processes): Promise<boolean> {
  const { schedule } = world;
  for (let round = 0; round < roundsToRest; round++) {
    await schedule.run(() => schedule.steps > mostSteps, schedule.now + idleMs);
    if (schedule.steps > mostSteps) return false;
    if (processes.busy === 0 && isAtRest(world)) return true;
    schedule.now += round > 5 ? 2 * day : periods.silence + 1;
    processes.reconcile();
  }
  return false;
}

/** Every document rests, every event is out, and everybody who is to hear of it has heard. */
function isAtRest({ postgres, streams }: World): boolean {
  const isMoving = (state: unknown) => state === "received" || state === "processing";
  return (
    !postgres.rows("document").some(({ state }) => isMoving(state)) &&
    !postgres.rows("outbox").some(({ published_at: at }) => at === null) &&
    streams.group.offset === streams.logs.documents.length
  );
}

/** All times that anything is kept for are over: the reconciler clears what is left. */
async function clean(world: World, processes: Processes): Promise<void> {
  const { schedule, postgres } = world;
  const isGranted = () => postgres.rows("document").some(({ state }) => state === "granted");
  for (let round = isGranted() ? 2 : 1; round > 0; round--) {
    schedule.now += periods.keepRejected + periods.grant;
    processes.reconcile();
    processes.sweep();
    await schedule.run(() => schedule.steps > mostSteps, schedule.now + idleMs);
  }
}

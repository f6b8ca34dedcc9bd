import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@strongroom/core/clock";
import { dividePeriods, type Periods } from "@strongroom/core/config";
import { seededRandom } from "@strongroom/local/test-random";
import type { Demands } from "../check/demands.ts";
import { judge } from "../check/judge.ts";
import { killsIn } from "../check/judge-harm.ts";
import { entriesOf, groupBy, type JudgedRun, readRun, type Verdict } from "../check/judged-run.ts";
import { drawClientFault } from "./client-faults.ts";
import { measureSlowness } from "./come-to-rest.ts";
import { demandsOf } from "./demands-of.ts";
import type { Road } from "./driver.ts";
import { openControls } from "./controls.ts";
import { openExits, watchChildren } from "./exits.ts";
import { openHistory } from "./history.ts";
import { type Installation, openInstallation } from "./installation.ts";
import { drawPages } from "./pages.ts";
import { perform } from "./perform.ts";
import type { InjuryKind } from "./plan.ts";
import type { PreloadPlan } from "./preload.ts";
import type { Sizes } from "./sizes.ts";
import { mountSmallDisk } from "./small-disk.ts";
import { checkEdits, harnessEdits, type SourceEdit } from "./source-edits.ts";
import { readTally } from "./tally.ts";
import { writeDump } from "./write-dump.ts";

/** What a run came to. */
export type RunResult = {
  verdicts: Verdict[];
  counts: Record<string, Record<string, number>>;
  /** Until all was at rest after the faults had stopped; null when it did not come to rest in time. */
  quietMs: number | null;
  seconds: number;
};

export type RunOptions = {
  directory: string;
  sizes: Sizes;
  seed: number;
  /** Changes that break the product on purpose. */
  edits?: SourceEdit[];
  /** In place of those that the seed draws. */
  injuries?: InjuryKind[];
  /** In place of those of its size. */
  demands?: Demands;
  /** Leaves out what comes when all rests: days that go by, and the attackers. */
  lean?: boolean;
  /** Whether somebody will look again at a run that came to this, as they will at one that came to nothing: then nothing of it must go with its disk. */
  keeps: (verdicts: readonly Verdict[]) => boolean;
  say: (sentence: string) => void;
  /** Ends the run early, in good order. */
  stopping: AbortSignal;
};

/** Of the disk that can be full: uploads, sealed documents and leftovers of dead attempts; it takes what it holds, from memory. */
const diskMegabytes = ({ documents, large }: Sizes) => 1_024 + documents + 100 * large;

/** One run below an empty directory: starts the system, performs, dumps and judges. */
export async function runChaos(options: RunOptions): Promise<RunResult> {
  const startedMs = performance.now();
  const { directory, sizes, seed, say } = options;
  const edits = [...harnessEdits, ...(options.edits ?? [])];
  checkEdits(edits);
  const random = seededRandom(seed);
  const periods = shortenedPeriods(sizes.timeDivisor);
  const slowness = measureSlowness();
  const pages = await drawPages(random);
  const controls = openControls(controlsOf(directory));
  const disk = await mountSmallDisk(join(directory, "data", "objects"), diskMegabytes(sizes));
  if (disk === null) say("skipped: the full disk (mounting is not allowed here)");
  const history = openHistory(join(directory, "history.ndjson"));
  const unwatch = watchChildren(exitsOf(directory)); // main and PostgreSQL are ours
  let [installation, verdicts]: [Installation | null, Verdict[] | null] = [null, null];
  try {
    installation = await openInstallation({
      directory,
      plan: planOf(options, edits),
      jobs: 2,
      drawClientFault: () => (controls.isRaised("faults") ? drawClientFault(random) : null),
    });
    const leaving = new AbortController();
    const road: Road = {
      port: installation.clients.port,
      host: `127.0.0.1:${installation.apiPort}`,
      history,
      pages,
      random,
      timeDivisor: sizes.timeDivisor,
      drivers: sizes.drivers,
      leaving: leaving.signal,
      sleep: (delayMs, until) => systemClock.sleep(delayMs, until),
    };
    const stopped = new Promise<never>((_, reject) =>
      options.stopping.addEventListener("abort", () => reject(new Error("stopped by a signal"))),
    );
    const exits = openExits(exitsOf(directory));
    const scene = { options, periods, road, installation, disk, slowness, controls, exits, leaving };
    const quietMs = await Promise.race([perform(scene), stopped]);
    const connections = installation.clients.chances;
    history.write({ what: "faults", tally: readTally(tallyOf(directory)), connections });
    await writeDump(directory, installation, periods, options.demands ?? demandsOf(sizes));
    await history.close();
    const run = readRun(directory);
    say("the dump is written and read");
    verdicts = judge(run);
    say("judged");
    const counts = await countRun(run, installation);
    return { verdicts, counts, quietMs, seconds: Math.round((performance.now() - startedMs) / 100) / 10 };
  } finally {
    await installation?.close();
    const keeps = isKept(options, verdicts);
    if (keeps && verdicts === null) console.error(`not judged; what there is lies in ${directory}`);
    await disk?.unmount({ keeps, say: console.error }); // heard even where the run goes on quietly
    unwatch();
  }
}

/** Whether a run stays to be looked at: one that threw before it was judged does, unless somebody stopped it. */
export const isKept = (
  { keeps, stopping }: Pick<RunOptions, "keeps" | "stopping">,
  verdicts: readonly Verdict[] | null,
): boolean => (verdicts === null ? !stopping.aborted : keeps(verdicts));

const controlsOf = (directory: string) => join(directory, "controls");
const tallyOf = (directory: string) => join(directory, "faults.ndjson");
const exitsOf = (directory: string) => join(directory, "exits.ndjson");

const planOf = ({ directory, seed, sizes }: RunOptions, edits: SourceEdit[]): PreloadPlan => ({
  seed,
  timeDivisor: sizes.timeDivisor,
  controls: controlsOf(directory),
  exits: exitsOf(directory),
  tally: tallyOf(directory),
  compiled: join(tmpdir(), "strongroom-chaos-compiled"),
  rates: sizes.rates,
  edits,
});

/** Every period is shortened by the one factor, so that all are to one another as in life; throws when one is not. */
function shortenedPeriods(timeDivisor: number): Periods {
  const [life, proof] = [dividePeriods(1), dividePeriods(timeDivisor)];
  for (const [name, ms] of Object.entries(life)) {
    const shortened = proof[name as keyof typeof proof];
    if (Math.abs(shortened - ms / timeDivisor) > 1)
      throw new Error(`${name} is ${shortened} ms, not ${ms / timeDivisor}`);
  }
  return proof;
}

async function countRun(run: JudgedRun, { logFile }: Installation): Promise<RunResult["counts"]> {
  const { history, tables } = run;
  const count = <One>(all: One[], nameOf: (one: One) => string) =>
    Object.fromEntries([...groupBy(all, nameOf)].map(([name, some]) => [name, some.length]));
  const requests = history.filter((entry) => "outcome" in entry);
  const log = await readFile(logFile, "utf8").catch(() => "");
  return {
    injuries: count(
      history.filter((entry) => entry.what === "injury"),
      ({ kind, struck }) => (struck ? kind : `${kind} (missed)`),
    ),
    kills: count(killsIn(run), ({ part }) => part),
    stops: count(
      history.filter((entry) => entry.what === "stop"),
      ({ point, isTaken }) => (isTaken ? point : `${point} (lost nothing)`),
    ),
    faults: struckIn(run),
    connections: connectionsIn(run),
    requests: count(requests, (entry) => `${entry.what} ${entry.outcome}`),
    documents: count(tables.document, ({ state }) => state),
    system: {
      claims: tables.audit.filter(({ action }) => action === "document.claimed").length,
      "zombies that dropped their work": log.split('"outcome":"lost"').length - 1,
      "failed on the way": tables.audit.filter(({ action }) => action === "document.failed").length,
      redriven: history.filter(({ what }) => what === "redriven").length,
      retries: log.split('"document.retried"').length - 1,
      events: tables.outbox.length,
      "records in the stream": tables.stream_record.length,
      pushes: tables.push_inbox.length,
    },
  };
}

/** How often each fault struck each port of each kind of process, and how often it could have. */
const struckIn = (run: JudgedRun): Record<string, number> =>
  Object.fromEntries(
    entriesOf(run, "faults").flatMap(({ tally }) =>
      tally.flatMap(({ process, port, fault, asked, struck }) => [
        [`${process} ${port} ${fault}`, struck],
        [`${process} ${port} ${fault} could have`, asked],
      ]),
    ),
  );

/** How many connections of clients each manner of fault struck, and how many it could have. */
const connectionsIn = (run: JudgedRun): Record<string, number> =>
  Object.fromEntries(
    entriesOf(run, "faults").flatMap(({ connections }) =>
      Object.entries(connections).flatMap(([fault, { asked, struck }]) => [
        [fault, struck],
        [`${fault} could have`, asked],
      ]),
    ),
  );

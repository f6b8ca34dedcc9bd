import { type End, type FaultKind, type KilledPart, killedParts } from "./demands.ts";
import { entriesOf, type EntryOf, type JudgedRun, type Verdict } from "./judged-run.ts";

/** Workers, relay and ingest, as the promise sums them up: ingest is the process of API and upload server. */
const together: ReadonlySet<KilledPart> = new Set(["processor", "relay", "notifier", "main"]);
/** Who is told to stop in a rolling restart. */
const workers: readonly KilledPart[] = ["processor", "relay", "notifier"];
const relayKill = "kill relay before its mark";

/** What was done to the system: the other verdicts say something only of a run to which all of it was done. */
export function judgeHarm(run: JudgedRun): Verdict[] {
  const injuries = entriesOf(run, "injury");
  const deaths = injuries
    .filter(({ kind }) => kind !== relayKill)
    .flatMap(({ ends }) => ends.filter(isKilled));
  const restarts = injuries.filter(isRollingRestart);
  return [
    {
      id: "P1",
      promise: "what was promised to be done to the system was done: each kill a death, each restart an end",
      looked: deaths.length + restarts.length + relayDeaths(run),
      violations: [
        ...tooFewDeaths(run, deaths),
        ...tooFew("rolling restarts", restarts.length, run.demands.restarts),
      ],
    },
    judgeFaults(run),
  ];
}

/** Relays that died between publish and mark. */
export const relayDeaths = (run: Pick<JudgedRun, "history">): number =>
  entriesOf(run, "injury").filter(
    ({ kind, struck, ends }) => kind === relayKill && struck && ends.some(isKilled),
  ).length;

/**
 * Whether a process lived when it was to end, and ended by that, as the kernel said: one that was killed died of the kill (a
 * signal that was sent is no death), one that was told to stop ended in good order, with code 0.
 */
export function endedAsMeant({ sent, wasAlive, code, signal }: End): boolean {
  if (!wasAlive) return false;
  return sent === "SIGKILL" ? signal === "SIGKILL" : code === 0;
}

/** Every process that died of being killed, relays before their mark among them. */
export const killsIn = (run: Pick<JudgedRun, "history">): End[] =>
  entriesOf(run, "injury").flatMap(({ ends }) => ends.filter(isKilled));

const isKilled = (end: End): boolean => end.sent === "SIGKILL" && endedAsMeant(end);

const isRollingRestart = ({ kind, ends }: EntryOf<"injury">): boolean =>
  kind === "restart workers" &&
  workers.every((worker) =>
    ends.some((end) => end.part === worker && end.sent === "SIGTERM" && endedAsMeant(end)),
  );

function tooFewDeaths({ demands }: JudgedRun, deaths: End[]): string[] {
  const countOf = (isMeant: (part: KilledPart) => boolean) =>
    deaths.filter(({ part }) => isMeant(part)).length;
  return [
    ...tooFew(
      "processes of workers, relay and ingest died of SIGKILL",
      countOf((part) => together.has(part)),
      demands.kills.together,
    ),
    ...killedParts.flatMap((part) =>
      tooFew(
        `processes of ${part} died of SIGKILL`,
        countOf((one) => one === part),
        demands.kills.each[part],
      ),
    ),
  ];
}

/** By chance a sound run falls below what is demanded of one fault less than once in so many. */
const onceIn = 1_000_000;

/**
 * What must have struck at least of so many that a fault of this share could have struck: their mean, less √(2 · mean · ln 10⁶).
 * The faults are drawn one by one, so that by Chernoff's bound, P(X ≤ (1 − δ) · mean) ≤ exp(−δ² · mean / 2), chance goes below
 * that once in a million. Of a mean under 28 nothing can be demanded so.
 */
export const leastStruck = (share: number, asked: number): number =>
  Math.max(0, Math.ceil(share * asked - Math.sqrt(2 * share * asked * Math.log(onceIn))));

/** Nothing here counts against the system: a run whose faults did not strike shows nothing of them. */
function judgeFaults(run: JudgedRun): Verdict {
  const tally = entriesOf(run, "faults").at(-1)?.tally;
  const { rates, asked: least } = run.demands.faults ?? { rates: {}, asked: 0 };
  const counted = Object.entries(rates).map(([kind, share]) => {
    return { kind, share, ...(tally?.[kind as FaultKind] ?? { asked: 0, struck: 0 }) };
  });
  return {
    id: "P1b",
    promise: "the faults that were promised struck: errors, lost answers, double deliveries, dropped events",
    looked: counted.reduce((sum, { asked }) => sum + asked, 0),
    violations: counted.flatMap(({ kind, share, asked, struck }) => [
      ...tooFew(`times that the fault "${kind}" could have struck`, asked, least),
      ...tooFew(`of ${asked} struck by the fault "${kind}"`, struck, leastStruck(share, asked)),
    ]),
  };
}

const tooFew = (what: string, count: number, wanted: number): string[] =>
  count < wanted ? [`${what}: ${count}, not ${wanted}`] : [];

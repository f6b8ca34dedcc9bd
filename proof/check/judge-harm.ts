import {
  type Chance,
  type ClientFault,
  type End,
  type FaultKind,
  faultKinds,
  faultsOfPorts,
  faultsOfProcesses,
  type KilledPart,
  killedParts,
  type Struck,
} from "./demands.ts";
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

/** By chance a sound run falls below what is demanded of one fault, at one place, less than once in so many. */
const onceIn = 1_000_000;

/**
 * What must have struck at least of so many that a fault of this share could have struck; 0 of so few that none may be chance.
 * The faults are drawn one by one, so that by Chernoff's bound, P(X ≤ k) ≤ exp(−asked · D(k / asked ‖ share)) below the mean,
 * chance goes below what is demanded once in a million. With this share nothing can be demanded of fewer than 13.8 / −ln(1 − share).
 */
export function leastStruck(share: number, asked: number): number {
  let least = 0;
  while (least < share * asked && asked * divergence(least / asked, share) >= Math.log(onceIn)) least += 1;
  return least;
}

/** D(one ‖ other) of two shares, in nats; `one` below `other`. */
const divergence = (one: number, other: number): number =>
  (one === 0 ? 0 : one * Math.log(one / other)) + (1 - one) * Math.log((1 - one) / (1 - other));

/** One fault at one place: of all ports and processes, of one port, of one kind of process, or between clients and API. */
type Place = { where: string; kind: string; share: number; least: number; asked: number; struck: number };

/**
 * Nothing here counts against the system: a run whose faults did not strike shows nothing of them. Each port and each kind of process is
 * held to the same rule by itself, or the many requests of one would stand for those that no fault reaches any more.
 */
function judgeFaults(run: JudgedRun): Verdict {
  const counted = entriesOf(run, "faults").at(-1);
  const { faults } = run.demands;
  const places =
    faults === null
      ? []
      : [...placesOf(counted?.tally ?? [], faults), ...clientPlaces(counted?.connections ?? {}, faults)];
  const isSilent = ({ share, asked }: Place) => leastStruck(share, asked) === 0;
  const ofPorts = places.filter(({ where }) => where in faultsOfPorts);
  const ofClients = places.filter(({ where }) => where === clients);
  const connections = {
    looked: mostAsked(ofClients.filter((one) => !isSilent(one))),
    all: mostAsked(ofClients),
  };
  return {
    id: "P1b",
    promise:
      "the faults that were promised struck each port, kind of process and manner of a connection: errors, lost answers, double deliveries, dropped events",
    looked: askedIn(ofPorts.filter((one) => !isSilent(one))) + connections.looked,
    unjudged: askedIn(ofPorts.filter(isSilent)) + connections.all - connections.looked,
    notes: places
      .filter((one) => isSilent(one) && one.asked >= one.least) // what was too little is a violation
      .map(
        ({ where, kind, asked }) => `of ${asked} that "${kind}" could strike (${where}) none need be struck`,
      ),
    violations: places.flatMap(({ where, kind, share, least, asked, struck }) => [
      ...tooFew(`times that the fault "${kind}" could have struck (${where})`, asked, least),
      ...tooFew(`of ${asked} struck by the fault "${kind}" (${where})`, struck, leastStruck(share, asked)),
    ]),
  };
}

type Faults = NonNullable<JudgedRun["demands"]["faults"]>;

function placesOf(tally: Struck[], { rates, asked, apart }: Faults): Place[] {
  const placeOf = (
    where: string,
    kind: FaultKind,
    least: number,
    isThere: (one: Struck) => boolean,
  ): Place => {
    const own = tally.filter((one) => one.fault === kind && isThere(one));
    const struck = own.reduce((sum, one) => sum + one.struck, 0);
    return { where, kind, share: rates[kind], least, asked: askedIn(own), struck };
  };
  const entries = <Name extends string>(faultsOf: Record<Name, readonly FaultKind[]>) =>
    Object.entries(faultsOf) as [Name, readonly FaultKind[]][];
  return [
    ...faultKinds.map((kind) => placeOf("everywhere", kind, asked, () => true)),
    ...entries(faultsOfPorts).flatMap(([name, kinds]) =>
      kinds.map((kind) => placeOf(name, kind, apart, ({ port }) => port === name)),
    ),
    ...entries(faultsOfProcesses).flatMap(([name, kinds]) =>
      kinds.map((kind) => placeOf(name, kind, apart, ({ process }) => process === name)),
    ),
  ];
}

const clients = "clients";

/** Each connection of a client is struck by one fault at most, and counts where it struck, not where it was drawn. */
function clientPlaces(connections: EntryOf<"faults">["connections"], { clients: demanded }: Faults): Place[] {
  const never: Chance = { asked: 0, struck: 0 };
  return Object.entries(demanded).map(([kind, { share, asked: least }]) => {
    return { where: clients, kind, share, least, ...(connections[kind as ClientFault] ?? never) };
  });
}

const askedIn = (all: readonly { asked: number }[]): number => all.reduce((sum, { asked }) => sum + asked, 0);

/** Of places that are the same connections over and over. */
const mostAsked = (all: readonly { asked: number }[]): number =>
  Math.max(0, ...all.map(({ asked }) => asked));

const tooFew = (what: string, count: number, wanted: number): string[] =>
  count < wanted ? [`${what}: ${count}, not ${wanted}`] : [];

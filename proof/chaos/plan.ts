import { shuffle } from "@strongroom/local/test-random";
import type { KilledPart } from "../check/demands.ts";
import { type StandingPoint, standingPoints } from "./controls.ts";
import type { PageSort } from "./pages.ts";
import type { Sizes } from "./sizes.ts";

/** How a client goes about one document. */
export type Manner =
  /** From the grant to the receipt. */
  | "plain"
  /** Dies after its last PUT: it never says that all is sent. */
  | "silent"
  /** Sends each request twice, at once and afterwards. */
  | "twice"
  /** Says that all is sent when nothing is. */
  | "liar"
  /** Is never heard of again after the grant. */
  | "quitter"
  /** Sends the first of its pages, and says it was all. */
  | "half"
  /** Tries other bytes under its signed request first. */
  | "tamperer"
  /** A retake of the driver's document before. */
  | "retake"
  /** The very bytes of the driver's document before. */
  | "twin";
export type PlannedDocument = { driver: number; manner: Manner; sorts: PageSort[] };

/** Parts that are killed, and what else happens to them. */
export type InjuryKind =
  | "kill processor"
  | "kill processor at the vault"
  | "kill decoder"
  | "kill relay"
  | "kill relay before its mark"
  | "kill notifier"
  | "kill notifier before its record"
  | "kill main"
  | "kill postgres"
  | "freeze processor"
  | "restart main"
  | "restart workers"
  | "cut database connections"
  | "database away"
  | "database refuses"
  | "push away"
  | "stream away"
  | "queue away"
  | "objects away"
  | "keys away"
  | "disk full";

/** Shares of the kills, and what each kills, wherever it strikes. */
const kills: [InjuryKind, number, KilledPart][] = [
  ["kill processor", 5, "processor"],
  ["kill processor at the vault", 4, "processor"],
  ["kill relay", 1, "relay"],
  ["kill notifier", 1, "notifier"],
  ["kill notifier before its record", 1, "notifier"],
  ["kill main", 3, "main"],
  ["kill postgres", 2, "postgres"],
  ["kill decoder", 1, "decoder"],
];
const rounds = kills.flatMap(([kind, share, part]) => Array.from({ length: share }, () => ({ kind, part })));
const planKills = (wanted: number) =>
  Array.from({ length: wanted }, (_, index) => rounds[index % rounds.length]!);

/** How many of a part so many kills are to kill. */
export const plannedKills = (wanted: number, of: KilledPart): number =>
  planKills(wanted).filter(({ part }) => part === of).length;

/** While this is done, the relay goes on, and may be killed between publish and mark. */
export const sparesRelay: ReadonlySet<InjuryKind> = new Set([
  "kill processor",
  "kill processor at the vault",
  "kill decoder",
  "kill notifier",
  "kill notifier before its record",
  "freeze processor",
  "push away",
  "objects away",
  "keys away",
]);
/** How many documents come for each injury, as shares: where processors stand still, others must have work all the while. */
export const shareOf = (kind: InjuryKind): number => (kind === "freeze processor" ? 4 : 1);

const others: InjuryKind[] = [
  "restart main",
  "cut database connections",
  "cut database connections",
  "database away",
  "database refuses",
  "push away",
  "stream away",
  "queue away",
  "objects away",
  "keys away",
  "disk full",
];

/** What is done to the system, in an order of the seed. */
export function planInjuries(
  { kills: wanted, stops, restarts }: Pick<Sizes, "kills" | "stops" | "restarts">,
  random: () => number,
): InjuryKind[] {
  const drawn = planKills(wanted).map(({ kind }) => kind);
  const freezes = Math.ceil(stops / standingPoints.length);
  const frozen = Array.from({ length: freezes }, (): InjuryKind => "freeze processor");
  const rolled = Array.from({ length: restarts }, (): InjuryKind => "restart workers");
  return shuffle([...drawn, ...frozen, ...rolled, ...others], random);
}

/** Where processors stand still: at each point as often as at any other, in an order of the seed. */
export function planStops({ stops }: Pick<Sizes, "stops">, random: () => number): StandingPoint[] {
  const rounds = Array.from({ length: Math.ceil(stops / standingPoints.length) }, () =>
    shuffle([...standingPoints], random),
  );
  return rounds.flat().slice(0, stops);
}

const manners: [Manner, number][] = [
  ["plain", 60],
  ["silent", 10],
  ["twice", 8],
  ["liar", 3],
  ["quitter", 3],
  ["half", 2],
  ["tamperer", 5],
  ["retake", 5],
  ["twin", 4],
];
/** 8 % are none that Strongroom can show: no photo, a type that is not taken, a photo cut short. */
const sorts: [PageSort, number][] = [
  ["photo", 76],
  ["pdf", 8],
  ["png", 4],
  ["webp", 4],
  ["text", 3],
  ["gif", 2],
  ["cut", 3],
];

/** The documents of a run, in the order in which their drivers come to them. */
export function planDocuments(sizes: Sizes, random: () => number): PlannedDocument[] {
  return Array.from({ length: sizes.documents }, (_, index) => {
    const driver = Math.floor(random() * sizes.drivers);
    const isLarge =
      index % Math.max(1, Math.floor(sizes.documents / Math.max(1, sizes.large))) === 7 % sizes.documents;
    if (isLarge)
      return {
        driver,
        manner: draw(
          [
            ["plain", 1],
            ["silent", 1],
          ],
          random,
        ),
        sorts: ["large"],
      };
    const manner = draw(manners, random);
    const pages = manner === "half" ? 2 : random() < 0.12 ? 2 + Math.floor(random() * 3) : 1;
    return { driver, manner, sorts: Array.from({ length: pages }, () => draw(sorts, random)) };
  });
}

function draw<Thing>(shares: [Thing, number][], random: () => number): Thing {
  let at = random() * shares.reduce((sum, [, share]) => sum + share, 0);
  return shares.find(([, share]) => (at -= share) < 0)?.[0] ?? shares[0]![0];
}

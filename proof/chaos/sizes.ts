import { parseArgs } from "node:util";
import type { FlakyRates } from "./flaky-ports.ts";

/** How large a run is. */
export type Sizes = {
  documents: number;
  kills: number;
  freezes: number;
  tenants: number;
  drivers: number;
  /** Files above 16 MiB, which go up in parts. */
  large: number;
  timeDivisor: number;
  /** How long a dependency is gone, in milliseconds. */
  outageMs: number;
  rates: FlakyRates;
};

/** What the command line asks for. */
export type Wish = {
  sizes: Sizes;
  seed: number;
  broken: boolean;
  record: boolean;
  keep: boolean;
  /** Of the broken builds, those alone whose name holds this. */
  only: string;
};

/**
 * Per call of a port. On the wire 5 % of the requests fail and of 3 % the answer is lost, but an SDK tries three times
 * before a port hears of it; the embedded adapters have no network whose faults they would try again.
 */
const rates: FlakyRates = { error: 0.01, unacknowledged: 0.05, lost: 0.006, duplicate: 0.1, drop: 0.005 };

/** What runs for each change: 15 times faster than life. */
const everyChange: Sizes = {
  documents: 300,
  kills: 20,
  freezes: 2,
  tenants: 4,
  drivers: 24,
  large: 2,
  timeDivisor: 15,
  outageMs: 3_000,
  rates,
};

/** The promise at its full size and in real time: hours. */
const full: Sizes = {
  documents: 10_000,
  kills: 225,
  freezes: 30,
  tenants: 5,
  drivers: 200,
  large: 40,
  timeDivisor: 1,
  outageMs: 300_000,
  rates,
};

/** Reads the command line; throws on what it does not know. */
export function readWish(args: string[]): Wish {
  const { values } = parseArgs({
    args,
    options: {
      documents: { type: "string" },
      kills: { type: "string" },
      seed: { type: "string" },
      full: { type: "boolean", default: false },
      broken: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      only: { type: "string", default: "" },
    },
  });
  const base = values.full ? full : everyChange;
  const documents = count("documents", values.documents, base.documents);
  const kills = count("kills", values.kills, base.kills);
  const seed = count("seed", values.seed, Date.now() % 2 ** 31);
  // freezes, drivers and large files grow with the documents, at most to the full size
  const freezes = Math.round(Math.max(base.freezes, Math.min(full.freezes, kills * 0.1)));
  const drivers = Math.round(Math.max(base.drivers, Math.min(full.drivers, documents / 25)));
  const sizes = { ...base, documents, kills, freezes, drivers };
  const { broken, record, keep, only } = values;
  return { sizes, seed, broken, record, keep, only };
}

function count(name: string, text: string | undefined, unless: number): number {
  const value = text === undefined ? unless : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} ${text} is no whole number`);
  return value;
}

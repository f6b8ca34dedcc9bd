import { parseArgs } from "node:util";
import type { FlakyRates } from "./flaky-ports.ts";

/** How large a run is. */
export type Sizes = {
  documents: number;
  kills: number;
  freezes: number;
  /** Rolling ones: each worker in turn is told to stop, and comes again. */
  restarts: number;
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

/** Per request: as on a wire, below the tries that an SDK makes by itself before a port hears of it. */
const rates: FlakyRates = { error: 0.05, lost: 0.03, unacknowledged: 0.05, duplicate: 0.1, drop: 0.005 };

/** What runs for each change: 15 times faster than life. */
const everyChange: Sizes = {
  documents: 300,
  kills: 20,
  freezes: 2,
  restarts: 1,
  tenants: 4,
  drivers: 24,
  large: 2,
  timeDivisor: 15,
  outageMs: 3_000,
  rates,
};

/** The promise at its full size; in real time it takes hours. */
const full: Sizes = {
  documents: 10_000,
  kills: 240, // of PostgreSQL 24, of decoders 12, of ours 204
  freezes: 30,
  restarts: 5,
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
      divide: { type: "string" },
      broken: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      only: { type: "string", default: "" },
    },
  });
  const size = values.full ? full : everyChange;
  const timeDivisor = count("divide", values.divide, size.timeDivisor);
  if (timeDivisor === 0) throw new Error("--divide 0 is no divisor");
  const base = { ...size, timeDivisor, outageMs: (size.outageMs * size.timeDivisor) / timeDivisor };
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

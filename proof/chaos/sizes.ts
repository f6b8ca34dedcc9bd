import { parseArgs } from "node:util";
import { wholeNumber } from "../promises/command-line.ts";
import type { FlakyRates } from "./flaky-ports.ts";

/** How large a run is. */
export type Sizes = {
  documents: number;
  kills: number;
  /** Processors that are made to stand still past their lease. */
  stops: number;
  /** Relays that are killed between publish and mark, beside other injuries. */
  relayKills: number;
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
  /** Which of the two this began with; `full` is as large as the promise says. */
  size: "full" | "small";
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
const everyChange = { documents: 300, kills: 20, tenants: 4, timeDivisor: 15, outageMs: 2_500 };

/** The promise at its full size (of the kills 28 are PostgreSQL's, 14 decoders'); in real time it takes hours. */
const full = { documents: 10_000, kills: 252, tenants: 5, timeDivisor: 1, outageMs: 300_000 };

/** The rest grows with documents and kills, from what shows something to what the promise says. */
function grown({ documents, kills, ...rest }: typeof full): Sizes {
  const between = (least: number, value: number, most: number) =>
    Math.floor(Math.max(least, Math.min(value, most)));
  return {
    documents,
    kills,
    stops: between(7, documents / 47, 210), // a few more than promised: some find nothing to lose
    relayKills: between(4, documents / 100, 100),
    restarts: between(1, kills / 36, 7), // two more than promised: one may meet a worker that was ending
    drivers: between(24, documents / 25, 200),
    large: between(2, documents / 250, 40),
    ...rest,
    rates,
  };
}

/** Reads the command line; throws on what it does not know, and on a record of less than its size says. */
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
  const timeDivisor = wholeNumber("divide", values.divide, size.timeDivisor);
  if (timeDivisor === 0) throw new Error("--divide 0 is no divisor");
  const sizes = grown({
    documents: wholeNumber("documents", values.documents, size.documents),
    kills: wholeNumber("kills", values.kills, size.kills),
    tenants: size.tenants,
    timeDivisor,
    outageMs: values.divide === undefined ? size.outageMs : full.outageMs / timeDivisor,
  });
  const seed = wholeNumber("seed", values.seed, Date.now() % 2 ** 31);
  const { broken, record, keep, only } = values;
  const isLess =
    sizes.documents < size.documents ||
    sizes.kills < size.kills ||
    timeDivisor > everyChange.timeDivisor ||
    only !== "";
  if (record && isLess)
    throw new Error(
      `--record keeps no less than ${size.documents} documents and ${size.kills} kills of this size, time divided by ${everyChange.timeDivisor} at most, and every broken build`,
    );
  return { size: values.full ? "full" : "small", sizes, seed, broken, record, keep, only };
}

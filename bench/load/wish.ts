import { parseArgs } from "node:util";
import { wholeNumber } from "../../proof/promises/command-line.ts";
import { soakSeconds } from "./soak.ts";

/** Every scenario; all but `soak` make up a load. */
const scenarios = ["steady", "flood", "backlog", "soak"] as const;
export type ScenarioName = (typeof scenarios)[number];

/** Seconds of load in each scenario; of a backlog's, the processor stands still for half. */
type Seconds = Record<ScenarioName, number>;

/** `full` is that of the promises: an open loop of 15 minutes, and 10 minutes without a processor. */
const sizes = {
  small: { steady: 30, flood: 30, backlog: 30, soak: soakSeconds },
  full: { steady: 900, flood: 30, backlog: 1_200, soak: soakSeconds },
} satisfies Record<string, Seconds>;

/** What the command line asks for. */
export type Wish = {
  names: readonly ScenarioName[];
  seconds: Seconds;
  /** The proof that a run is of, and its size; null when it is none: a scenario is missing, or one is shorter than its size. */
  whole: { proof: "load"; size: "full" | "small" } | { proof: "soak" } | null;
  seed: number;
  record: boolean;
};

/** Reads the command line; throws on what it does not know, and on a record of less than a whole run. */
export function readWish(args: string[]): Wish {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: "string", multiple: true },
      minutes: { type: "string" },
      seed: { type: "string" },
      full: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
    },
  });
  const { full, record } = values;
  const names = (values.scenario ?? scenarios.filter((name) => name !== "soak")).map(scenarioOf);
  const seconds = secondsOf(values.minutes, full);
  if (full && names.includes("soak")) throw new Error("soak has one size: it takes no --full");
  const whole = wholeOf(names, seconds);
  if (record && whole === null)
    throw new Error(
      "--record keeps a whole run: every scenario but soak for 30 seconds or longer, or soak alone for an hour",
    );
  return { names, seconds, whole, record, seed: wholeNumber("seed", values.seed, Date.now() % 1_000_000) };
}

function scenarioOf(text: string): ScenarioName {
  const found = scenarios.find((name) => name === text);
  if (!found) throw new Error(`there is no scenario “${text}”; there are: ${scenarios.join(", ")}`);
  return found;
}

function secondsOf(minutes: string | undefined, full: boolean): Seconds {
  if (minutes === undefined) return full ? sizes.full : sizes.small;
  if (full) throw new Error("--full says how long: it takes no --minutes");
  const seconds = Number(minutes) * 60;
  if (!(seconds > 0 && seconds < Infinity)) throw new Error(`--minutes ${minutes} is no time`);
  return { steady: seconds, flood: seconds, backlog: seconds, soak: seconds };
}

function wholeOf(names: readonly ScenarioName[], seconds: Seconds): Wish["whole"] {
  if (names.join() === "soak") return seconds.soak >= soakSeconds ? { proof: "soak" } : null;
  const isAtLeast = (size: Seconds) =>
    scenarios.every((name) => name === "soak" || (names.includes(name) && seconds[name] >= size[name]));
  if (isAtLeast(sizes.full)) return { proof: "load", size: "full" };
  return isAtLeast(sizes.small) ? { proof: "load", size: "small" } : null;
}

import type { Percentiles } from "./histogram.ts";
import type { StartedSystem } from "./started-system.ts";

/** One promise, what was seen, and whether it was kept. */
export type Finding = { promise: string; seen: string; met: boolean };
/** What a scenario has to tell: its figures by name, and its findings. */
export type Report = {
  scenario: string;
  figures: Record<string, number | number[] | Percentiles>;
  findings: Finding[];
};

/** What a scenario is given. `seconds` is how long it offers load, `clean` the documents per second that the system can do. */
export type Setting = {
  system: StartedSystem;
  photo: Uint8Array;
  random: () => number;
  seconds: number;
  clean: number;
  tell: (line: string) => void;
};

/** That every document that was sent is stored. */
export function nothingLost(refused: number, unstored: number): Finding {
  return {
    promise: "every document that was sent is stored",
    seen: `${refused} not taken, ${unstored} taken and not stored`,
    met: refused + unstored === 0,
  };
}

/** How long a scenario waits for the rest to be settled. */
export const settleLimitMs = 600_000;

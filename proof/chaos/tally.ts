import { appendFileSync, readFileSync } from "node:fs";
import type { FaultKind, Tally } from "../check/demands.ts";

/** A process that is killed loses what it counted since: of what struck as much as of what was asked. */
const flushMs = 250;

const nothing = (): Tally => ({
  error: { asked: 0, struck: 0 },
  lost: { asked: 0, struck: 0 },
  unacknowledged: { asked: 0, struck: 0 },
  duplicate: { asked: 0, struck: 0 },
  drop: { asked: 0, struck: 0 },
});

/** Counts, in one of many processes, how often each fault could have struck and did; four times a second a line goes to this file. */
export function openTally(path: string) {
  let tally = nothing();
  let isEmpty = true;
  const flush = () => {
    if (isEmpty) return;
    appendFileSync(path, `${JSON.stringify(tally)}\n`);
    [tally, isEmpty] = [nothing(), true];
  };
  setInterval(flush, flushMs).unref();
  process.once("exit", flush);
  return {
    count: (kind: FaultKind, struck: boolean): void => {
      tally[kind].asked += 1;
      if (struck) tally[kind].struck += 1;
      isEmpty = false;
    },
    flush,
  };
}

/** What all processes counted together; throws when none counted anything. */
export function readTally(path: string): Tally {
  const total = nothing();
  for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1)) {
    for (const [kind, { asked, struck }] of Object.entries(JSON.parse(line) as Tally)) {
      total[kind as FaultKind].asked += asked;
      total[kind as FaultKind].struck += struck;
    }
  }
  return total;
}

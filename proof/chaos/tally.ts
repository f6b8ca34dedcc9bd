import { appendFileSync, readFileSync } from "node:fs";
import type { FaultKind, FaultyPort, FaultyProcess, Struck } from "../check/demands.ts";

/** A process that is killed loses what it counted since: of what struck as much as of what was asked. */
const flushMs = 250;

/** Counts, in one of many processes, how often each fault could have struck each port and did; four times a second a line goes to this file. */
export function openTally(path: string, process: FaultyProcess) {
  const counted = new Map<string, Struck>();
  const flush = () => {
    if (counted.size > 0) appendFileSync(path, `${JSON.stringify([...counted.values()])}\n`);
    counted.clear();
  };
  setInterval(flush, flushMs).unref();
  globalThis.process.once("exit", flush);
  return {
    count: (port: FaultyPort, fault: FaultKind, struck: boolean): void =>
      add(counted, { process, port, fault, asked: 1, struck: Number(struck) }),
    flush,
  };
}

/** What all processes counted together, each kind of process, port and fault apart; throws when none counted anything. */
export function readTally(path: string): Struck[] {
  const total = new Map<string, Struck>();
  for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1))
    for (const one of JSON.parse(line) as Struck[]) add(total, one);
  return [...total].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, struck]) => struck);
}

function add(total: Map<string, Struck>, one: Struck): void {
  const key = `${one.process} ${one.port} ${one.fault}`;
  const { asked, struck } = total.get(key) ?? { asked: 0, struck: 0 };
  total.set(key, { ...one, asked: asked + one.asked, struck: struck + one.struck });
}

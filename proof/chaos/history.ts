import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { Entry } from "../check/judged-run.ts";

type WithoutTime<One> = One extends unknown ? Omit<One, "at"> : never;

/** What clients did and saw, in the order in which they came to know it: one line of JSON each. */
export type History = {
  write(entry: WithoutTime<Entry>): void;
  /** How many entries of each sort there are. */
  counts: Map<string, number>;
  close(): Promise<void>;
};

/** Opens a new history file. */
export function openHistory(path: string): History {
  const file = createWriteStream(path, { flags: "wx" });
  const counts = new Map<string, number>();
  return {
    counts,
    write(entry) {
      counts.set(entry.what, (counts.get(entry.what) ?? 0) + 1);
      file.write(`${JSON.stringify({ at: Date.now(), ...entry })}\n`);
    },
    close: async () => {
      file.end();
      await finished(file);
    },
  };
}

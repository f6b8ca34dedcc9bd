import type { Entry } from "../check/judged-run.ts";
import type { honestRun } from "./honest-run.ts";

/** A sound run, and what tests do to one. */
export type Run = ReturnType<typeof honestRun>;

export const entry = (run: Run, what: Entry["what"], document?: string) =>
  run.history.find(
    (one) => one.what === what && (!document || ("document" in one && one.document === document)),
  )!;

export const isRelayKill = (one: Entry) => one.what === "injury" && one.kind.startsWith("kill relay");
export const drop = <One>(from: One[], which: (one: One) => boolean) => from.splice(from.findIndex(which), 1);

/** Its client dies when all is sent. */
export const leave = (run: Run, id: string) =>
  (run.history = run.history.filter(
    (one) => !((one.what === "complete" || one.what === "seen") && one.document === id),
  ));

export const row = ({ tables }: Run, id: string) => tables.document.find((one) => one.id === id)!;
export const set = <One extends object>(one: One, more: Partial<Record<string, unknown>>) =>
  void Object.assign(one, more);

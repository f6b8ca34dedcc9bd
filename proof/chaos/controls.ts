import { existsSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type StandingPoint, standingPoints } from "../check/demands.ts";

export { type StandingPoint, standingPoints };

/** What the processes under proof are told while they run: each stands as a file in one directory. */
export type Control =
  /** Random faults strike. */
  | "faults"
  | "objects away"
  | "keys away"
  /** The next process that comes to this point dies there. */
  | "die after publish"
  | "die after push"
  /** The next processor that comes to this point stands still there, as by SIGSTOP. */
  | `stand still ${StandingPoint}`;

/** Where a process stands still, and with which document in hand. */
export type Standing = { point: StandingPoint; document: string };

/** The harness raises and lowers; a process looks, and takes what is meant for one alone. */
export function openControls(directory: string) {
  mkdirSync(directory, { recursive: true });
  const pathOf = (control: string) => join(directory, control.replaceAll(" ", "-"));
  return {
    raise: (control: Control) => writeFileSync(pathOf(control), ""),
    lower: (control: Control) => rmSync(pathOf(control), { force: true }),
    isRaised: (control: Control) => existsSync(pathOf(control)),
    /** True for one of all that ask. */
    take(control: Control): boolean {
      if (!existsSync(pathOf(control))) return false;
      try {
        unlinkSync(pathOf(control)); // rmSync may succeed for two at once
        return true;
      } catch {
        return false; // another was quicker
      }
    },
    /** A process leaves word, before it stands still. */
    leaveWord: (pid: number, standing: Standing) =>
      writeFileSync(pathOf(`stands ${pid}`), JSON.stringify(standing)),
    wordOf: (pid: number) => JSON.parse(readFileSync(pathOf(`stands ${pid}`), "utf8")) as Standing,
  };
}
export type Controls = ReturnType<typeof openControls>;

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
  | `stand still before ${StandingPoint}`;

/** Steps of an attempt before which a processor may be made to stand still. */
export const standingPoints = ["fetch", "render", "seal", "commit"] as const;
export type StandingPoint = (typeof standingPoints)[number];

/** The harness raises and lowers; a process looks, and takes what is meant for one alone. */
export function openControls(directory: string) {
  mkdirSync(directory, { recursive: true });
  const pathOf = (control: Control) => join(directory, control.replaceAll(" ", "-"));
  return {
    raise: (control: Control) => writeFileSync(pathOf(control), ""),
    lower: (control: Control) => rmSync(pathOf(control), { force: true }),
    isRaised: (control: Control) => existsSync(pathOf(control)),
    /** True for one of all that ask. */
    take(control: Control): boolean {
      if (!existsSync(pathOf(control))) return false;
      try {
        rmSync(pathOf(control));
        return true;
      } catch {
        return false; // another was quicker
      }
    },
  };
}
export type Controls = ReturnType<typeof openControls>;

import type { Demands } from "../check/demands.ts";
import type { FlakyRates } from "./flaky-ports.ts";
import type { InjuryKind } from "./plan.ts";
import type { SourceEdit } from "./source-edits.ts";

/** A product (or a harness) that is broken on purpose, what provokes it, and the promise that must be found broken. */
export type BrokenBuild = {
  name: string;
  edits: SourceEdit[];
  injuries: InjuryKind[];
  /** As few as show it nearly always. */
  documents: number;
  found: string;
  /** What the judge must say of it: the same promise may be broken by something else, say by a machine on which nothing gets done. */
  says: RegExp;
  /** What must have been done to it, or it is not held. */
  demands?: Partial<Demands>;
  /** Faults that it takes to see it among few documents. */
  rates?: Partial<FlakyRates>;
  /** Only the attackers find it. */
  afterwards?: boolean;
};

/** A source of the product's core. */
export const core = (file: string): string => `packages/core/src/${file}`;

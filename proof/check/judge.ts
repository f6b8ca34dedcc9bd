/*
 * Judges what a run of the chaos proof left behind, offline and without a line of the product: node's own modules, the
 * published formats of this directory, and the state graph of the design.
 *
 *   node proof/check/judge.ts DIRECTORY      exit 0: every promise held; exit 1: one did not; a table either way
 */
import { realpathSync } from "node:fs";
import { judgeEvidence } from "./judge-evidence.ts";
import { judgeFacts } from "./judge-facts.ts";
import { judgeObjects } from "./judge-objects.ts";
import { judgePeople } from "./judge-people.ts";
import { judgeUploads } from "./judge-uploads.ts";
import { type JudgedRun, readRun, type Verdict } from "./judged-run.ts";

/** Violations that are shown of one promise; all are counted. */
const shownAtMost = 5;

/** Every promise with what was looked at, in the order in which a document meets them. */
export function judge(run: JudgedRun): Verdict[] {
  return [
    ...judgeUploads(run),
    ...judgeObjects(run),
    ...judgeFacts(run),
    ...judgeEvidence(run),
    ...judgePeople(run),
  ];
}

/** A promise for which nothing was looked at is not held. */
export const holds = ({ looked, violations }: Pick<Verdict, "looked" | "violations">): boolean =>
  looked > 0 && violations.length === 0;

/** The verdicts as a table, each with its first violations. */
export function verdictTable(verdicts: Verdict[]): string {
  return verdicts
    .flatMap(({ id, promise, looked, unjudged = 0, violations }) => [
      `${holds({ looked, violations }) ? "held  " : "BROKEN"}  ${id.padEnd(5)} ${String(looked).padStart(7)} looked at ${String(violations.length).padStart(5)} violations   ${promise}${unjudged === 0 ? "" : ` (of ${unjudged} more nothing can be said)`}`,
      ...violations.slice(0, shownAtMost).map((sentence) => `            · ${sentence}`),
    ])
    .join("\n");
}

// Not import.meta.main: an older Node would do nothing, and call it success.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const [directory] = process.argv.slice(2);
  if (!directory) throw new Error("usage: node judge.ts DIRECTORY");
  const verdicts = judge(readRun(directory));
  console.log(verdictTable(verdicts));
  process.exitCode = verdicts.every(holds) ? 0 : 1;
}

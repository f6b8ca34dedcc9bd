/*
 * Judges what a run of the chaos proof left behind, offline and without a line of the product: node's own modules, the
 * published formats of this directory, and the state graph of the design.
 *
 *   node proof/check/judge.ts DIRECTORY      a table, and status 0: every promise held; 1: one did not; 3: none is broken,
 *                                            but the machine was too slow to judge one
 */
import { realpathSync } from "node:fs";
import { judgeEvidence } from "./judge-evidence.ts";
import { judgeFacts } from "./judge-facts.ts";
import { judgeHarm } from "./judge-harm.ts";
import { judgeObjects } from "./judge-objects.ts";
import { judgePeople } from "./judge-people.ts";
import { judgeUploads } from "./judge-uploads.ts";
import { type JudgedRun, readRun, type Verdict } from "./judged-run.ts";

/** Violations that are shown of one promise; all are counted. */
const shownAtMost = 5;

/** Every promise with what was looked at, in the order in which a document meets them; at the end what was done to the system. */
export function judge(run: JudgedRun): Verdict[] {
  return [
    ...judgeUploads(run),
    ...judgeObjects(run),
    ...judgeFacts(run),
    ...judgeEvidence(run),
    ...judgePeople(run),
    ...judgeHarm(run),
  ];
}

type Judged = Pick<Verdict, "looked" | "tooSlow" | "violations">;

/** What a promise came to. One of which nothing was looked at is broken, unless it is the machine that was too slow to look. */
function standingOf({ looked, tooSlow = [], violations }: Judged): "held" | "broken" | "not judged" {
  if (violations.length > 0) return "broken";
  if (tooSlow.length > 0) return "not judged";
  return looked > 0 ? "held" : "broken";
}

/** A promise for which nothing was looked at is not held, and none that was not judged. */
export const holds = (judged: Judged): boolean => standingOf(judged) === "held";

/** Status of a process that ends with these verdicts: 0, every promise held; 1, one is broken; 3, none is, but one was not judged. */
export function statusOf(verdicts: readonly Judged[]): 0 | 1 | 3 {
  const standings = verdicts.map(standingOf);
  if (standings.includes("broken")) return 1;
  return standings.includes("not judged") ? 3 : 0;
}

const words = { held: "held", broken: "BROKEN", "not judged": "NOT JUDGED" };

/** The verdicts as a table, each with its first violations, and with what the machine was too slow for. */
export function verdictTable(verdicts: Verdict[]): string {
  return verdicts
    .flatMap((verdict) => {
      const { id, promise, looked, unjudged = 0, notes = [], tooSlow = [], violations } = verdict;
      const sentences = [...violations, ...tooSlow.map(excuse)];
      return [
        `${words[standingOf(verdict)].padEnd(10)}  ${id.padEnd(5)} ${String(looked).padStart(7)} looked at ${String(violations.length).padStart(5)} violations   ${promise}${unjudged === 0 ? "" : ` (of ${unjudged} more nothing can be said)`}`,
        ...[...sentences.slice(0, shownAtMost), ...notes].map((sentence) => `                · ${sentence}`),
      ];
    })
    .join("\n");
}

const excuse = (sentence: string): string =>
  `the machine was too slow: ${sentence}; run it again with nothing beside it`;

// Not import.meta.main: an older Node would do nothing, and call it success.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const [directory] = process.argv.slice(2);
  if (!directory) throw new Error("usage: node judge.ts DIRECTORY");
  const verdicts = judge(readRun(directory));
  console.log(verdictTable(verdicts));
  process.exitCode = statusOf(verdicts);
}

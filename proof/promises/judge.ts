import type { PromiseMade, Proof } from "./promises.ts";
import type { ProofResult } from "./result.ts";
import type { SuiteCount } from "./suites.ts";

/** The last that is known of one proof of a promise; `at` is null when it was never recorded. */
export type Standing = { proof: string; at: string | null; commit: string; held: boolean; counts: string };

/** How each proof of a promise stands, by the results that were recorded last. */
export function standings(
  { proofs }: PromiseMade,
  results: ReadonlyMap<string, ProofResult>,
): [Standing, ...Standing[]] {
  return proofs.map((proof) => standing(proof, results)) as [Standing, ...Standing[]];
}

function standing(proof: Proof, results: ReadonlyMap<string, ProofResult>): Standing {
  if ("suites" in proof) return ofSuites(proof.suites, results.get("suites"));
  const { command, gate, verdicts } = proof;
  const name = `npm run ${command}${gate ? ` -- --${gate}` : ""}`;
  const result = results.get(gate ? `${command}-${gate}` : command);
  if (!result) return { proof: name, at: null, commit: "", held: false, counts: "never recorded" };
  const { at, commit, counts, size } = result;
  const held = verdicts ? verdicts.every((id) => isHeld(result, id)) : result.held;
  const own = (verdicts ?? []).map((id) => {
    const verdict = verdictOf(result, id);
    return `${verdict?.looked ?? 0} by ${id}${verdict && isTooSlow(verdict) ? " (not judged: the machine was too slow)" : ""}`;
  });
  const told = [
    ...(size ? [`${size} size`] : []),
    ...(Object.keys(counts).length > 0 ? [listed(counts)] : []),
    ...(own.length === 0 ? [] : [`looked at ${own.join(", ")}`]),
    ...missedOf(result),
  ];
  return { proof: name, at, commit, held, counts: told.join("; ") };
}

/** What did not meet its goal, by name; a README beside the proof says why. */
function missedOf({ detail }: ProofResult): string[] {
  const missed = (detail?.["missed"] ?? []) as string[];
  return missed.length === 0 ? [] : [`missed: ${missed.join("; ")}`];
}

type Counted = { id: string; looked: number; tooSlow?: string[]; violations: number };

const isTooSlow = ({ tooSlow = [] }: Counted): boolean => tooSlow.length > 0;

const verdictOf = ({ detail }: ProofResult, id: string): Counted | undefined =>
  ((detail?.["verdicts"] ?? []) as Counted[]).find((one) => one.id === id);

/** Whether something was looked at, nothing was found, and the machine was not too slow to tell. */
function isHeld(result: ProofResult, id: string): boolean {
  const verdict = verdictOf(result, id);
  return verdict !== undefined && verdict.looked > 0 && verdict.violations === 0 && !isTooSlow(verdict);
}

function ofSuites(suites: readonly string[], result: ProofResult | undefined): Standing {
  const proof = suites.join(" ");
  if (!result) return { proof, at: null, commit: "", held: false, counts: "never recorded" };
  const files = Object.entries(result.detail as Record<string, SuiteCount>);
  const each = suites.map((suite) =>
    files.filter(([file]) => file.startsWith(suite)).map(([, count]) => count),
  );
  const [passed, failed, skipped] = (["passed", "failed", "skipped"] as const).map((kind) =>
    each.flat().reduce((sum, count) => sum + count[kind], 0),
  );
  const { at, commit, size } = result;
  // A skipped test proves nothing: what it needs may be missing, or what should have prepared it broke.
  const held =
    failed === 0 && skipped === 0 && each.every((counts) => counts.some((count) => count.passed > 0));
  const counts = listed({ passed: passed!, failed: failed!, skipped: skipped! });
  return { proof, at, commit, held, counts: size === undefined ? counts : `${counts}, at ${size} size` };
}

const listed = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .filter(([name, count]) => count !== 0 || name === "failed" || name === "violations")
    .map(([name, count]) => `${count.toLocaleString("en")} ${name}`)
    .join(", ");

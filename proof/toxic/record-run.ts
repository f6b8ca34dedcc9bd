import { loadavg } from "node:os";
import { recordResult } from "../promises/result.ts";
import { type Finding, isProven } from "./broken.ts";
import { type CorpusResult, isBad } from "./corpus.ts";
import type { Judgement } from "./judge.ts";
import type { Wish } from "./wish.ts";

const load = (): number[] => loadavg().map((value) => Math.round(value * 10) / 10);

/** What a run came to; `corpus` is null when there were no real files. */
export type Run = { seconds: number; judgement: Judgement; corpus: CorpusResult | null };

/** Writes it into `proof/results`; answers the file. */
export function recordRun({ seed, size }: Wish, { seconds, judgement, corpus }: Run): string {
  const { misses, honest, toxicFiles, toxicSent, mostChildren, peakMb } = judgement;
  // Names of other people's files stay out of it.
  const counted = corpus && {
    files: corpus.files,
    ends: corpus.ends,
    rejected: corpus.rejected.length,
    misses: corpus.misses.length,
  };
  const counts = {
    "toxic files and lies": toxicFiles,
    "times that they were sent": toxicSent,
    "honest documents beside them": honest.documents - honest.baseline,
    "honest documents alone": honest.baseline,
    lost: honest.lost,
    misses: misses.length,
    "children for one file at most": mostChildren,
    "MB of the processor at most": peakMb,
    seconds,
  };
  const held = misses.length === 0 && !(corpus && isBad(corpus));
  const detail = { seed, load: load(), ...judgement, corpus: counted };
  return recordResult({ proof: "toxic", size, held, counts, detail });
}

/** Writes which broken builds were missed by the proof, and by what they were found; answers the file. */
export function recordBroken({ seed }: Wish, seconds: number, findings: readonly Finding[]): string {
  const broken = findings.filter(({ name }) => name !== null);
  const counts = {
    "broken builds found": broken.filter(({ misses }) => misses.length > 0).length,
    "broken builds": broken.length,
    seconds,
  };
  const detail = { seed, load: load(), findings };
  return recordResult({ proof: "toxic-broken", held: isProven(findings), counts, detail });
}

/** Writes that a run did not come to its end: no result of before may stand for it. */
export function recordFailure({ seed, size, broken }: Wish, error: unknown): void {
  const detail = { seed, error: String(error) };
  if (broken) recordResult({ proof: "toxic-broken", held: false, counts: {}, detail });
  else recordResult({ proof: "toxic", size, held: false, counts: {}, detail });
}

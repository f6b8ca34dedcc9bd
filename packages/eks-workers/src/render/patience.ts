import type { Decoder } from "./decoder.ts";

/** What one job may take before it is in the way of others. */
export type Patience = {
  /** CPU time, since on a busy machine every job takes long by the clock. */
  cpuMs: number;
  /** Time by the clock, for a child that does nothing. */
  wallMs: number;
};

/** Looks at a job while it lasts, and calls `onLong` once it takes long, again and again until that answers true. Answers how to stop. */
export function watchJob(
  decoder: Pick<Decoder, "cpuMs">,
  { cpuMs, wallMs }: Patience,
  onLong: () => boolean,
): () => void {
  const [cpuBefore, startedMs] = [decoder.cpuMs(), performance.now()];
  const look = () => {
    const isLong = decoder.cpuMs() - cpuBefore >= cpuMs || performance.now() - startedMs >= wallMs;
    if (isLong && onLong()) clearInterval(looking);
  };
  // Jobs as they usually are end before the first look.
  const looking = setInterval(look, Math.min(cpuMs, wallMs) / looksPerPatience);
  return () => clearInterval(looking);
}

const looksPerPatience = 5;

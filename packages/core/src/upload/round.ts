import type { Ports } from "../ports/ports.ts";

/** What a round did, by the name of the step. */
export type RoundCounts = Record<string, number>;
type Step<Needs> = (ports: Needs) => Promise<number>;

/**
 * Runs `steps` in their order, with one holder of the round's lock at a time; null when it is another. Rounds of different
 * names do not wait for each other. A step that fails is told and does not keep the others from their work; at the end the
 * round throws, naming those that failed.
 */
export async function runRound<Needs extends Pick<Ports, "database" | "clock" | "log">>(
  ports: Needs,
  round: string,
  steps: Readonly<Record<string, Step<Needs>>>,
): Promise<RoundCounts | null> {
  const lock = await ports.database.lock(`strongroom.${round}`);
  if (!lock) return null;
  const startedMs = ports.clock.monotonicMs();
  try {
    const [done, failed]: [RoundCounts, string[]] = [{}, []];
    for (const [name, step] of Object.entries(steps)) {
      try {
        done[name] = await step(ports);
      } catch (error) {
        failed.push(name);
        ports.log.error(`${round}.step_failed`, { step: name, error: error as Error });
      }
    }
    ports.log.info(`${round}.done`, { ...done, tookMs: Math.round(ports.clock.monotonicMs() - startedMs) });
    if (failed.length > 0) throw new Error(`${round}: failed in ${failed.join(", ")}`);
    return done;
  } finally {
    await lock.release();
  }
}

/** So many times longer than planned, documents may take to come. */
const slackAtMost = 1.2;

/**
 * Throws that nothing can be judged when documents did not come at their pace, because the machine was too slow to send them:
 * how often something is asked grows with the time that it is away, and shrinks with how many documents share a request, so
 * that beyond the fifth that the promise leaves, a count would say as much of the machine as of the system. Both in milliseconds.
 */
export function refuseSlow(when: string, tookMs: number, plannedMs: number): void {
  if (tookMs <= slackAtMost * plannedMs) return;
  const [took, planned] = [tookMs, plannedMs].map((ms) => (ms / 1_000).toFixed(1));
  throw new Error(
    `NOT JUDGED: the machine was too slow: ${when}, documents that were to come within ${planned} s took ${took} s; run this file again with nothing beside it`,
  );
}

import type { Road } from "./driver.ts";
import type { Answer } from "./send-request.ts";

/**
 * Between two tries of what had no answer, ever longer too; all drivers together try 25 times a second at most. An API whose
 * answers come too late gets nothing done while more is asked of it than it can answer, and time that is divided divides no work.
 */
const retryMs = { first: 250, mostPerDriver: 40 };

/** Tries until there is an answer that no later one would better; waits as it is told to. */
export async function insist(
  road: Pick<Road, "sleep" | "random" | "timeDivisor" | "drivers">,
  attempt: () => Promise<Answer | null>,
): Promise<Answer | null> {
  const mostMs = Math.max(retryMs.first, retryMs.mostPerDriver * road.drivers);
  for (let limitMs = retryMs.first; ; limitMs = Math.min(mostMs, limitMs * 1.6)) {
    const answer = await attempt();
    const mayHeal = answer === null || answer.status >= 500 || answer.status === 429;
    if (!mayHeal) return answer;
    const askedMs = (Number(answer?.headers["retry-after"] ?? 0) * 1_000) / road.timeDivisor;
    await road.sleep(askedMs + limitMs * (0.2 + road.random()));
  }
}

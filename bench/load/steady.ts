import { describePercentiles } from "./histogram.ts";
import { follow, offer } from "./offer.ts";
import { poisson } from "./open-loop.ts";
import { nothingLost, type Report, settleLimitMs, type Setting } from "./scenario.ts";

/** Documents per second of limits.md's steady load. */
export const steadyPerSecond = 3;

/** Three documents a second, as strangers send them: how long each takes from when it was due. */
export async function runSteady({
  system,
  photo,
  random,
  seconds,
  tell,
}: Omit<Setting, "clean">): Promise<Report> {
  const schedule = poisson(random, steadyPerSecond, seconds);
  const offered = await offer(system.companies[0]!, schedule, photo);
  await system.untilSettled(settleLimitMs);
  const { sent, processed, stored, refused, unstored } = await follow(system, offered);
  const [sentMs, processedMs, storedMs] = [sent.percentiles(), processed.percentiles(), stored.percentiles()];
  tell(`due → received     ${describePercentiles(sentMs)}`);
  tell(`received → stored  ${describePercentiles(processedMs)}`);
  tell(`due → stored       ${describePercentiles(storedMs)}`);
  return {
    scenario: "steady",
    figures: { perSecond: steadyPerSecond, sentMs, processedMs, storedMs },
    findings: [
      {
        promise: "from received to stored: p50 ≤ 1 s, p99 ≤ 5 s",
        seen: `${processedMs.p50.toFixed(0)} ms, ${processedMs.p99.toFixed(0)} ms`,
        met: processedMs.p50 <= 1_000 && processedMs.p99 <= 5_000,
      },
      nothingLost(refused, unstored),
    ],
  };
}

import { seededRandom } from "@strongroom/local/test-random";
import { drawPhoto } from "./draw-photo.ts";
import { watchGrowth } from "./load/growth.ts";
import type { Percentiles } from "./load/histogram.ts";
import { sendDocument } from "./load/send-document.ts";
import { startForLoad } from "./load/started-system.ts";
import { runSteady, steadyPerSecond } from "./load/steady.ts";
import { type BenchOptions, figure, type Race } from "./race.ts";

/** From complete to stored at the usual load, open loop; and whether the processes grow meanwhile. */
export async function raceSteady({ quick }: BenchOptions): Promise<Race[]> {
  const seconds = quick ? 8 : 60;
  const photo = await drawPhoto({ width: 1_152, height: 864 });
  const system = await startForLoad();
  try {
    for (let n = 0; n < 10; n++) await sendDocument(system.companies[0]!.drivers[n]!, photo);
    await system.untilStored(60_000);
    const growth = watchGrowth(system);
    const setting = { system, photo, random: seededRandom(1), seconds, tell: () => {} };
    const { figures, findings } = await runSteady(setting);
    const { all: megabytesPerMinute } = await growth.stop();
    const { p50, p99, max, count } = figures["processedMs"] as Percentiles;
    const whole = figures["storedMs"] as Percentiles;
    const about = { unit: "ms", limitName: "–" };
    const name = `${steadyPerSecond} documents of one megapixel a second`;
    return [
      {
        ...figure(
          {
            ...about,
            name: `${name}, received → stored: p50 (and p99, max)`,
            goal: "p50 ≤ 1 s, p99 ≤ 5 s, all stored",
            isMet: () => findings.every(({ met }) => met),
          },
          [p50],
        ),
        ours: { min: p99, median: p50, max, runs: count },
      },
      {
        ...figure(
          {
            ...about,
            name: `${name}, first request due → stored: p50 (and p99, max)`,
            goal: "–",
            isMet: null,
          },
          [whole.p50],
        ),
        ours: { min: whole.p99, median: whole.p50, max: whole.max, runs: whole.count },
      },
      figure(
        {
          name: `memory of all processes but PostgreSQL, growth over ${seconds} s of it`,
          unit: "MB/min",
          limitName: "–",
          goal: "< 1 MB/min over an hour (npm run soak)",
          isMet: null, // a minute says nothing about an hour
        },
        [megabytesPerMinute],
      ),
    ];
  } finally {
    await system.stop();
  }
}

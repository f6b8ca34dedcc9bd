import { seededRandom } from "@strongroom/local/test-random";
import { drawPhoto } from "./draw-photo.ts";
import type { Percentiles } from "./load/histogram.ts";
import { sendDocument } from "./load/send-document.ts";
import { type StartedSystem, startForLoad } from "./load/started-system.ts";
import { runSteady, steadyPerSecond } from "./load/steady.ts";
import { residentMb } from "./memory-peak.ts";
import { type BenchOptions, figure, type Race } from "./race.ts";

/** From complete to stored at the usual load, open loop; and whether the processes grow meanwhile. */
export async function raceSteady({ quick }: BenchOptions): Promise<Race[]> {
  const seconds = quick ? 8 : 60;
  const photo = await drawPhoto({ width: 1_152, height: 864 });
  const system = await startForLoad();
  try {
    for (let n = 0; n < 10; n++) await sendDocument(system.companies[0]!.drivers[n]!, photo);
    await system.untilSettled(60_000);
    const growth = watchGrowth(system);
    const setting = { system, photo, random: seededRandom(1), seconds, tell: () => {} };
    const { figures } = await runSteady(setting);
    const megabytesPerMinute = await growth.stop();
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
            goal: "p50 ≤ 1 s, p99 ≤ 5 s",
            isMet: () => p50 <= 1_000 && p99 <= 5_000,
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
          goal: "< 1 MB/min over an hour (npm run load -- --scenario steady --minutes 60)",
          isMet: null, // a minute says nothing about an hour
        },
        [megabytesPerMinute],
      ),
    ];
  } finally {
    await system.stop();
  }
}

/** Looks at the resident memory every second; answers the slope of the straight line through it, in megabytes per minute. */
function watchGrowth(system: StartedSystem): { stop(): Promise<number> } {
  const seen: { minutes: number; mb: number }[] = [];
  const look = async () => {
    const processes = (await system.processes()).filter(({ kind }) => kind !== "postgres");
    const mb = processes.reduce((sum, { pid }) => sum + residentMb(pid).now, 0);
    seen.push({ minutes: performance.now() / 60_000, mb });
  };
  const looking = setInterval(() => void look(), 1_000);
  return {
    stop: async () => {
      clearInterval(looking);
      await look();
      return slope(seen);
    },
  };
}

function slope(seen: readonly { minutes: number; mb: number }[]): number {
  const mean = (of: (one: { minutes: number; mb: number }) => number) =>
    seen.reduce((sum, one) => sum + of(one), 0) / seen.length;
  const [minutes, mb] = [mean((one) => one.minutes), mean((one) => one.mb)];
  const spreadOf = mean((one) => (one.minutes - minutes) ** 2);
  return spreadOf === 0 ? 0 : mean((one) => (one.minutes - minutes) * (one.mb - mb)) / spreadOf;
}

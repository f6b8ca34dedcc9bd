import { watchGrowth } from "./growth.ts";
import type { Report, Setting } from "./scenario.ts";
import { runSteady } from "./steady.ts";

/** As long as limits.md asks for: less says nothing about a leak. */
export const soakSeconds = 3_600;

/** The steady load for an hour: whether the processes grow. */
export async function runSoak(setting: Setting): Promise<Report> {
  const growth = watchGrowth(setting.system);
  const { figures, findings } = await runSteady(setting);
  const { all, byKind } = await growth.stop();
  const inWords = (mb: number) => `${mb.toFixed(2)} MB/min`;
  setting.tell(
    `growth             ${Object.entries(byKind)
      .map(([kind, mb]) => `${kind} ${inWords(mb)}`)
      .join(", ")}`,
  );
  const promise = "all processes but PostgreSQL together grow by less than 1 MB a minute over an hour";
  const isJudged = setting.seconds >= soakSeconds;
  if (!isJudged) setting.tell(`of all together    ${inWords(all)}, judged over an hour only`);
  return {
    scenario: "soak",
    figures: {
      ...figures,
      growthMbPerMinute: all,
      ...Object.fromEntries(Object.entries(byKind).map(([kind, mb]) => [`growthMbPerMinute ${kind}`, mb])),
    },
    findings: [...findings, ...(isJudged ? [{ promise, seen: inWords(all), met: all < 1 }] : [])],
  };
}

import { describePercentiles } from "./histogram.ts";
import { follow, type Journey, offer, type Offered } from "./offer.ts";
import { poisson, type Schedule } from "./open-loop.ts";
import { nothingLost, type Report, settleLimitMs, type Setting } from "./scenario.ts";

/** How many times as much as each of the others the big company sends. */
const times = 50;
/** What the big company sends, as a share of what the system can do alone: too much, since taking it in costs as well. */
const overload = 1;

/**
 * Sixteen small companies send a little each, first among themselves, then while a big one sends fifty times as much as each
 * of them, more than can be processed: theirs must not wait for its.
 */
export async function runFlood(setting: Setting): Promise<Report> {
  const { system, clean, seconds, tell } = setting;
  const perSecond = (overload * clean) / times;
  // The same arrivals in both, since those that bunch wait for one another with or without a flood.
  const arrivals = system.companies.slice(1).map(() => poisson(setting.random, perSecond, seconds));
  const baseline = await journeyOf(setting, await Promise.all(others(setting, arrivals)));
  const [big] = system.companies;
  const schedule = poisson(setting.random, perSecond * times, seconds);
  const [flooding, ...theirs] = await Promise.all([
    offer(big!, schedule, setting.photo),
    ...others(setting, arrivals),
  ]);
  const flood = await journeyOf(setting, theirs);
  const own = await journeyOf(setting, [flooding]);
  const [baselineMs, floodMs, ownMs] = [baseline, flood, own].map(({ stored }) => stored.percentiles());
  tell(
    `the others: ${perSecond.toFixed(2)}/s each, the big one ${(perSecond * times).toFixed(1)}/s; due → stored`,
  );
  tell(`among themselves  ${describePercentiles(baselineMs!)}`);
  tell(`in the flood      ${describePercentiles(floodMs!)}`);
  tell(`  of it until received  ${describePercentiles(flood.sent.percentiles())}`);
  tell(`  of it then            ${describePercentiles(flood.processed.percentiles())}`);
  tell(`the flood itself  ${describePercentiles(ownMs!)}`);
  const ratio = floodMs!.p95 / baselineMs!.p95;
  return {
    scenario: "flood",
    figures: { perSecond, times, baselineMs: baselineMs!, floodMs: floodMs!, ownMs: ownMs!, ratio },
    findings: [
      {
        promise: "the others' p95 in a flood ≤ 3 × their p95 without it",
        seen: `${ratio.toFixed(2)} ×`,
        met: ratio <= 3,
      },
      nothingLost(...lost([baseline, flood, own])),
    ],
  };
}

const others = ({ system, photo }: Setting, arrivals: Schedule[]) =>
  system.companies.slice(1).map((company, index) => offer(company, arrivals[index]!, photo));

async function journeyOf({ system }: Setting, offered: Offered[]): Promise<Journey> {
  await system.untilSettled(settleLimitMs);
  return await follow(system, offered.flat());
}

const lost = (journeys: Journey[]): [refused: number, unstored: number] => [
  journeys.reduce((sum, { refused }) => sum + refused, 0),
  journeys.reduce((sum, { unstored }) => sum + unstored, 0),
];

import { describePercentiles } from "./histogram.ts";
import { follow, type Journey, offer, type Offered } from "./offer.ts";
import { poisson, type Schedule } from "./open-loop.ts";
import { nothingLost, type Report, settleLimitMs, type Setting } from "./scenario.ts";

/** How many times as much as each of the others the big company sends. */
const times = 50;
/** What the big company sends, as a share of what the system can do alone: too much, since taking it in costs as well. */
const overload = 1;

/** One pair may fall into a slow moment of the machine, on either side of it. */
const pairs = 5;

/**
 * Sixteen small companies send a little each, first among themselves, then while a big one sends fifty times as much as each
 * of them, more than can be processed: theirs must not wait for its. The median of five such pairs counts; every second
 * begins with the flood, since what follows one may be slow as well.
 */
export async function runFlood(setting: Setting): Promise<Report> {
  const { clean, tell } = setting;
  const perSecond = (overload * clean) / times;
  tell(
    `the others: ${perSecond.toFixed(2)}/s each, the big one ${(perSecond * times).toFixed(1)}/s; due → stored`,
  );
  const seen: Pair[] = [];
  for (let n = 0; n < pairs; n += 1) seen.push(await runPair(setting, perSecond, n % 2 === 1));
  const ordered = seen.toSorted((one, other) => one.ratio - other.ratio);
  const { baseline, flood, own, ratio } = ordered[Math.floor(pairs / 2)]!;
  const [baselineMs, floodMs, ownMs] = [baseline, flood, own].map(({ stored }) => stored.percentiles());
  const ratios = seen.map((pair) => pair.ratio);
  return {
    scenario: "flood",
    figures: {
      perSecond,
      times,
      baselineMs: baselineMs!,
      floodMs: floodMs!,
      ownMs: ownMs!,
      ratio,
      baselineP95Ms: seen.map((pair) => pair.baseline.stored.percentiles().p95),
      floodP95Ms: seen.map((pair) => pair.flood.stored.percentiles().p95),
    },
    findings: [
      {
        promise: "the others' p95 in a flood ≤ 3 × their p95 without it, median of five pairs",
        seen: `${ratio.toFixed(2)} × (${ratios.map((one) => one.toFixed(2)).join(", ")})`,
        met: ratio <= 3,
      },
      nothingLost(...lost(seen.flatMap((pair) => [pair.baseline, pair.flood, pair.own]))),
    ],
  };
}

/** `own` is the flood itself; `ratio` that of the others' p95 in it to their p95 without it. */
type Pair = { baseline: Journey; flood: Journey; own: Journey; ratio: number };

async function runPair(setting: Setting, perSecond: number, floodFirst: boolean): Promise<Pair> {
  const { system, random, seconds, tell } = setting;
  // The same arrivals in both, since those that bunch wait for one another with or without a flood.
  const arrivals = system.companies.slice(1).map(() => poisson(random, perSecond, seconds));
  const schedule = poisson(random, perSecond * times, seconds);
  const alone = async () => journeyOf(setting, await Promise.all(others(setting, arrivals)));
  const before = floodFirst ? null : await alone();
  const [big] = system.companies;
  const [flooding, ...theirs] = await Promise.all([
    offer(big!, schedule, setting.photo),
    ...others(setting, arrivals),
  ]);
  const flood = await journeyOf(setting, theirs);
  const own = await journeyOf(setting, [flooding]);
  const baseline = before ?? (await alone());
  const ratio = flood.stored.percentiles().p95 / baseline.stored.percentiles().p95;
  tell(`among themselves  ${describePercentiles(baseline.stored.percentiles())}`);
  tell(`in the flood      ${describePercentiles(flood.stored.percentiles())}  ${ratio.toFixed(2)} ×`);
  tell(`  of it until received  ${describePercentiles(flood.sent.percentiles())}`);
  tell(`  of it then            ${describePercentiles(flood.processed.percentiles())}`);
  tell(`the flood itself  ${describePercentiles(own.stored.percentiles())}`);
  return { baseline, flood, own, ratio };
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

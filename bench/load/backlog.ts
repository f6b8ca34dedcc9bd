import { setTimeout as timer } from "node:timers/promises";
import { cleanSpeed, drainSpeed } from "./clean-speed.ts";
import { freezeProcessor } from "./freeze-processor.ts";
import { follow, offer } from "./offer.ts";
import { poisson, wallMs } from "./open-loop.ts";
import { nothingLost, type Report, settleLimitMs, type Setting } from "./scenario.ts";
import type { StartedSystem } from "./started-system.ts";

/** The usual load, as a share of what the system can do. */
const usual = 1 / 6;
/** Documents whose speed is measured once: it takes minutes, in which quick and slow moments even out. */
const many = 1_000;

/** Of a backlog of so many seconds, those in which the processor stands still. */
export const secondsFrozen = (seconds: number): number => seconds / 2;

/**
 * The processor stands still for half of the time while three times the usual load comes in; then it goes on, and so does
 * the usual load. How fast is the backlog worked off, beside as many documents when nothing else goes on? To fewer of them,
 * going on and coming to an end would cost more.
 */
export async function runBacklog({
  system,
  photo,
  random,
  seconds,
  clean: roughly,
  tell,
}: Setting): Promise<Report> {
  const [company] = system.companies;
  const frozen = secondsFrozen(seconds);
  const expected = Math.max(60, Math.round(3 * usual * roughly * frozen));
  const clean = await cleanSpeed(system, photo, { documents: expected, times: expected < many ? 3 : 1 });
  const goOn = await freezeProcessor(system);
  const resumed = timer(frozen * 1_000).then(async () => {
    const waiting = await countWaiting(system);
    goOn();
    return { waiting, atMs: wallMs() };
  });
  const rush = poisson(random, 3 * usual * roughly, frozen);
  const after = poisson(random, usual * roughly, seconds - frozen).map((at) => at + frozen * 1_000);
  const offered = await offer(company!, [...rush, ...after], photo);
  const { waiting, atMs } = await resumed;
  await system.untilSettled(settleLimitMs);
  const { refused, unstored } = await follow(system, offered);
  const speed = drainSpeed(await system.outcomes(), atMs);
  tell(
    `${waiting} documents waited when the processor went on; ${speed.toFixed(1)} a second were stored then`,
  );
  tell(`clean speed of ${expected} documents ${clean.toFixed(1)} a second`);
  const ratio = speed / clean;
  return {
    scenario: "backlog",
    figures: { waiting, drainPerSecond: speed, cleanPerSecond: clean, ratio },
    findings: [
      {
        promise: "a backlog drains at ≥ 80 % of clean speed",
        seen: `${(ratio * 100).toFixed(0)} %`,
        met: ratio >= 0.8,
      },
      nothingLost(refused, unstored),
    ],
  };
}

async function countWaiting(system: StartedSystem): Promise<number> {
  return [...(await system.outcomes()).values()].filter(
    ({ settledMs, receivedMs }) => receivedMs && !settledMs,
  ).length;
}

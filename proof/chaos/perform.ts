import type { Periods } from "@strongroom/core/config";
import { goThroughAftermath } from "./aftermath.ts";
import { castPeople, registerPhones } from "./cast.ts";
import {
  measureSlowness,
  mostSlowness,
  restLimitMs,
  untilAtRest,
  untilFewWait,
  untilFound,
  untilHeard,
  untilInReach,
} from "./come-to-rest.ts";
import type { Controls } from "./controls.ts";
import type { Exits } from "./exits.ts";
import { type Driver, type Road, sendDocument } from "./driver.ts";
import { injure, type Scene, strike } from "./injuries.ts";
import type { Installation } from "./installation.ts";
import { openLedger } from "./ledger.ts";
import { fetchKeys, listAll } from "./lists.ts";
import { listenToNotices } from "./phone.ts";
import { planDocuments, planInjuries, planStops, shareOf } from "./plan.ts";
import { relayKiller } from "./relay-kills.ts";
import { redriveFailed } from "./redrive.ts";
import type { RunOptions } from "./run.ts";
import { processesOf } from "@strongroom/local/test-processes";
import type { SmallDisk } from "./small-disk.ts";

type Performance = {
  options: RunOptions;
  periods: Periods;
  road: Road;
  installation: Installation;
  disk: SmallDisk | null;
  /** Of the machine, before anything of ours ran. */
  slowness: number;
  controls: Controls;
  exits: Exits;
  /** Of the road. */
  leaving: AbortController;
};

/** So many phones listen; all others have their inbox. */
const listeningPhones = 50;
/** Of a long run. */
const injuriesPerLine = 50;
/** On top of the scaled times, for what takes as long as it takes. */
const unscaledMs = 5_000;

/** Everything between the start and the dump; answers how long the system took to come to rest, null for too long. */
export async function perform(performance: Performance): Promise<number | null> {
  const { options, periods, road, installation, controls } = performance;
  const { sizes, say } = options;
  const { drivers, agents } = await castPeople(installation, sizes);
  const [prober, ...senders] = drivers as [Driver, ...Driver[]];
  const tokens = await registerPhones(road, drivers, installation);
  const heard = new Map(tokens.slice(0, listeningPhones).map((token) => [token, new Set<string>()]));
  for (const token of heard.keys()) road.history.write({ what: "listening", token });
  const hanging = new AbortController();
  const phones = [...heard].map(([token, tags]) =>
    listenToNotices(road, token, (tag) => void tags.add(tag), hanging.signal),
  );
  say(`${drivers.length} drivers of ${sizes.tenants} tenants begin to send ${sizes.documents} documents`);
  controls.raise("faults");
  const { followed } = await sendAndInjure(performance, senders, prober);
  // A long queue is no fault: how it drains is another promise. What hangs now hangs because of what was done to it.
  if (options.lean !== true) await untilFewWait(installation, 2 * periods.overload, road.sleep);
  controls.lower("faults");
  const limitMs = restLimitMs(sizes);
  // Whether it was in time is known once it is known how slow the machine was; a broken build need not be waited for.
  const waitMs = options.lean === true ? limitMs : mostSlowness * limitMs;
  const quietMs = await untilAtRest(installation, waitMs, road.sleep);
  say(
    `faults have stopped; ${quietMs === null ? `not at rest within ${waitMs} ms` : `at rest ${quietMs} ms later`}`,
  );
  performance.leaving.abort();
  await followed;
  const quiets = [quietMs];
  const redriven = await redriveFailed(road, agents);
  if (redriven > 0) {
    quiets.push(await untilAtRest(installation, waitMs, road.sleep));
    say(`${redriven} documents had failed, and were sent their way again`);
  }
  if (options.lean !== true) {
    await untilFound(installation, 2 * periods.silence + 2 * periods.reconcile + unscaledMs, road.sleep);
    await goThroughAftermath({ road, installation, periods, drivers: senders });
    await untilAtRest(installation, limitMs, road.sleep);
    say("days have gone by, and the attackers came");
  }
  await fetchKeys(road);
  await listAll(road, drivers);
  await untilHeard(installation, heard, unscaledMs, road.sleep);
  hanging.abort();
  await Promise.all(phones);
  await stopInGoodOrder(installation, say);
  const slowness = Math.max(performance.slowness, measureSlowness());
  for (const tookMs of quiets)
    road.history.write({ what: "quiet", tookMs, limitMs: Math.round(limitMs * slowness), slowness });
  return quietMs;
}

/**
 * Documents are released in even shares between the injuries, and an injury waits until most of those before it are done:
 * else it would strike a queue. Resolves when all are sent and all injuries done.
 */
async function sendAndInjure(
  { options, road, installation, disk, periods, slowness, controls, exits }: Performance,
  senders: Driver[],
  prober: Driver,
): Promise<{ followed: Promise<unknown> }> {
  const { sizes, say } = options;
  const { random, sleep, history } = road;
  const documents = planDocuments({ ...sizes, drivers: senders.length }, random);
  const injuries = options.injuries ?? planInjuries(sizes, random);
  const points = planStops(sizes, random);
  const freezes = injuries.filter((kind) => kind === "freeze processor").length;
  const followed: Promise<void>[] = [];
  const gate = openGate();
  const send = async (driver: Driver, own: number) => {
    for (const [index, planned] of documents.entries()) {
      if (planned.driver !== own) continue;
      await gate.passed(index);
      followed.push((await sendDocument(road, driver, planned)).followed);
    }
  };
  const sending = senders.map(send);
  const scene: Scene = {
    installation,
    controls,
    history,
    ledger: openLedger(installation.superuser),
    exits,
    random,
    sleep,
    outageMs: sizes.outageMs,
    slowness,
    leaseMs: periods.lease,
    prober,
    disk,
    points,
    pointsEach: Math.ceil(points.length / Math.max(1, freezes)),
    release: () => {},
  };
  const relays = relayKiller(() => strike(scene, "kill relay before its mark"), sizes.relayKills);
  const shares = injuries.map(shareOf);
  const releasedBy = (injuriesDone: number, part = 0) =>
    Math.ceil(
      (documents.length * (sum(shares.slice(0, injuriesDone)) + part * (shares[injuriesDone] ?? 0))) /
        sum(shares),
    );
  for (const [index, kind] of injuries.entries()) {
    await untilInReach(installation, periods.overload, sleep);
    if (index > 0 && index % injuriesPerLine === 0) say(`${index} of ${injuries.length} injuries are done`);
    scene.release = ({ part = 1, more = 0 } = {}) => gate.openTo(releasedBy(index, part) + more);
    await sleep(50 + random() * 150);
    await Promise.all([injure(scene, kind), relays.beside(kind, (index + 1) / injuries.length)]);
    scene.release(); // what an injury that ended early did not ask for
  }
  await relays.rest();
  await scene.ledger.close();
  say(`${injuries.length} injuries are done`);
  await Promise.all(sending);
  say("all documents are sent");
  return { followed: Promise.all(followed) };
}

const sum = (numbers: number[]) => numbers.reduce((one, other) => one + other, 0);

/** Lets the first documents through, more and more of them. */
function openGate() {
  let [opened, waiting] = [0, Promise.withResolvers<void>()];
  return {
    openTo(count: number) {
      opened = Math.max(opened, count);
      waiting.resolve();
      waiting = Promise.withResolvers();
    },
    async passed(index: number) {
      while (index >= opened) await waiting.promise;
    },
  };
}

async function stopInGoodOrder(installation: Installation, say: (sentence: string) => void): Promise<void> {
  const code = await installation.stopMain();
  const left = await processesOf(installation.dataDirectory);
  say(`stopped with exit code ${code}, ${left.length} processes left`);
  if (code !== 0 || left.length > 0) throw new Error("the system did not end in good order");
}

import { withClient } from "@strongroom/core/database/roles";
import { isQuiet } from "@strongroom/local/test-invariants";
import type { Road } from "./driver.ts";
import type { Installation } from "./installation.ts";
import type { Sizes } from "./sizes.ts";

/** The promised time to come to rest, in real time. */
const promisedMs = 120_000;
/** On top of it when time is divided: processes start and pictures are decoded no faster than they are. */
const unscaledMs = 5_000;

/** By when all must have come to rest, in milliseconds after the faults stopped. */
export const restLimitMs = ({ timeDivisor }: Sizes): number =>
  promisedMs / timeDivisor + (timeDivisor === 1 ? 0 : unscaledMs);

/** Each measurement takes so much processor time. */
const spinMs = 50;
/** The most that a busy machine excuses: two cores on which ten others work beside us. A run on a busier one may fail for it. */
export const mostSlowness = 6;

/**
 * How many times longer than on an idle machine our work takes now, because others work beside it; 1 on an idle one, and
 * never more than `mostSlowness`. Measured while nothing of ours runs: otherwise our own load would excuse itself.
 */
export function measureSlowness(): number {
  const [startedMs, used] = [performance.now(), process.cpuUsage()];
  const spentMs = () => {
    const { user, system } = process.cpuUsage(used);
    return (user + system) / 1_000;
  };
  while (spentMs() < spinMs);
  return slownessBy(performance.now() - startedMs, spentMs());
}

/** The same by the wall clock and the processor time that a measurement took, in milliseconds. */
export const slownessBy = (wallMs: number, cpuMs: number): number =>
  Math.min(mostSlowness, Math.max(1, wallMs / cpuMs));

/** So many documents at most are on their way when the faults stop. */
const few = 20;

const onTheirWay = "document where state in ('received', 'processing')";

/** Resolves when few documents wait for a worker or are in hand, or at the limit. */
export const untilFewWait = (installation: Installation, limitMs: number, sleep: Road["sleep"]) =>
  untilAtMost(few, onTheirWay, installation, limitMs, sleep);

/** What two cores do in some twenty seconds: of so many, an injury still strikes some that are in hand. */
const inReach = 120;

/** Resolves when no long queue stands before the workers, or at the limit. */
export const untilInReach = (installation: Installation, limitMs: number, sleep: Road["sleep"]) =>
  untilAtMost(inReach, onTheirWay, installation, limitMs, sleep);

/** Milliseconds from now until nothing is on its way any more; null when that took longer than the limit. */
export async function untilAtRest(
  { superuser }: Installation,
  limitMs: number,
  sleep: Road["sleep"],
): Promise<number | null> {
  const startedMs = performance.now();
  for (;;) {
    const quiet = await isQuiet(superuser).catch(() => false);
    const tookMs = Math.round(performance.now() - startedMs);
    if (quiet) return tookMs;
    if (tookMs > limitMs) return null;
    await sleep(200); // each look is a connection of its own
  }
}

/** Resolves when each phone has heard as many tags as stand in its inbox, or at the limit: then the judge will find it. */
export async function untilHeard(
  { superuser }: Installation,
  heard: ReadonlyMap<string, ReadonlySet<string>>,
  limitMs: number,
  sleep: Road["sleep"],
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const rows = await withClient(superuser, async (client) => {
      const found = await client.query<{ token: string; tags: number }>(
        "select token, count(*)::int as tags from embedded.push_inbox group by token",
      );
      return found.rows;
    });
    const waiting = rows.filter(({ token, tags }) => heard.has(token) && heard.get(token)!.size < tags);
    if (waiting.length === 0) return;
    await sleep(100);
  }
}

/** Resolves when no document waits whose pages are all there, or at the limit; their clients died, and the reconciler finds them. */
export const untilFound = (installation: Installation, limitMs: number, sleep: Road["sleep"]) =>
  untilAtMost(0, arrivedUnseen, installation, limitMs, sleep);

const arrivedUnseen = `document d where state = 'granted' and not exists
  (select from document_file f where (f.tenant_id, f.document_id) = (d.tenant_id, d.id) and f.arrived_at is null)`;

/** Resolves when no more than `most` rows are there, or at the limit. */
async function untilAtMost(
  most: number,
  rows: string,
  { superuser }: Installation,
  limitMs: number,
  sleep: Road["sleep"],
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const found = await withClient(superuser, (client) =>
      client.query<{ count: number }>(`select count(*)::int as count from ${rows}`),
    ).catch(() => null); // the database may just have been killed
    if (found && found.rows[0]!.count <= most) return;
    await sleep(200); // each look is a connection of its own
  }
}

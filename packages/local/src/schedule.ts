import { heeding } from "@strongroom/core/abort";
import { keepChecking } from "@strongroom/eks-workers/opener";
import type { Ports } from "@strongroom/core/ports/ports";
import { handler as ingestUpload } from "@strongroom/functions/ingest/ingest-upload";
import { handler as reconcile } from "@strongroom/functions/schedule/reconcile";
import { handler as sweep } from "@strongroom/functions/schedule/sweep";

type SchedulePorts = Pick<Ports, "queue" | "clock" | "config" | "log">;
type SqsEvent = Parameters<typeof ingestUpload>[0];

/**
 * Documents in one round of the check: few, since it shares process and disk with all else. With rounds `fixityRound` (10 s)
 * apart these are 3.8 million in 90 days.
 */
const checkedAtOnce = 5;

/** A sweep of a large vault takes minutes. What takes longer than this after the stop is left behind, as at a crash: its next round begins anew. */
const graceMs = 5_000;

/**
 * What AWS does around the functions: feeds ingest from its queue and calls reconciler and sweep by the clock. And what an
 * opener does there: reads back what is stored. Rejects when some of it does not end in time once it is to stop.
 */
export async function runSchedules(ports: Ports, stopping: AbortSignal, patienceMs = graceMs): Promise<void> {
  const { reconcile: roundMs, sweep: sweepMs } = ports.config.periods;
  const atWork = Promise.all([
    feedIngest(ports, stopping),
    callEvery(ports, { name: "reconcile", call: reconcile, periodMs: roundMs }, stopping),
    callEvery(ports, { name: "sweep", call: sweep, periodMs: sweepMs }, stopping),
    keepChecking({ ports, stopping }, checkedAtOnce),
  ]);
  await heeding(late(stopping, patienceMs), atWork);
}

/** Aborts so long after `stopping` did. */
function late(stopping: AbortSignal, afterMs: number): AbortSignal {
  const over = new AbortController();
  const reason = new Error(
    `a round was left behind ${afterMs} ms after the stop; it begins anew at the next start`,
  );
  stopping.addEventListener("abort", () => setTimeout(() => over.abort(reason), afterMs).unref(), {
    once: true,
  });
  return over.signal;
}

/** As the event source mapping of SQS: batches of ten, gathered for a moment, and only what did not fail is deleted. */
export async function feedIngest(ports: SchedulePorts, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      await feedBatch(ports, stopping);
    } catch (error) {
      ports.log.warn("ingest.feed_failed", { error: error as Error });
      await ports.clock.sleep(500, stopping);
    }
  }
}

async function feedBatch(ports: SchedulePorts, stopping: AbortSignal): Promise<void> {
  const messages = await gather(ports, stopping);
  if (messages.length === 0) return;
  const Records = messages.map(({ id, receipt, body }) => ({ messageId: id, receiptHandle: receipt, body }));
  const { batchItemFailures } = await ingestUpload({ Records } as SqsEvent);
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  for (const { id, receipt } of messages) {
    if (failed.has(id)) await ports.queue.release("ingest", receipt, 5_000);
    else await ports.queue.acknowledge("ingest", receipt);
  }
}

const batchSize = 10;

/** What comes first, and what comes within the batching window after it. */
async function gather({ queue, clock, config, log }: SchedulePorts, stopping: AbortSignal) {
  const { visibility: visibilityMs, gather: windowMs } = config.periods;
  const wish = { visibilityMs, signal: stopping };
  const first = await queue.receive("ingest", { ...wish, max: batchSize, waitMs: 5_000 });
  if (first.length === 0 || first.length === batchSize) return first;
  await clock.sleep(windowMs, stopping);
  const more = queue.receive("ingest", { ...wish, max: batchSize - first.length, waitMs: 0 });
  return [...first, ...(await more.catch((error: Error) => (log.warn("ingest.feed_failed", { error }), [])))];
}

/**
 * The first call comes at once: it makes good what a crash before this start left behind. One that failed, or was not its
 * turn, comes again after a round of the reconciler.
 */
async function callEvery(
  { clock, config, log }: SchedulePorts,
  { name, call, periodMs }: { name: string; call: typeof reconcile; periodMs: number },
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    const startedMs = clock.monotonicMs();
    const done = await call().catch((error: Error) => (log.warn("schedule.failed", { name, error }), null));
    const restMs = done === null ? 0 : startedMs + periodMs - clock.monotonicMs();
    await clock.sleep(Math.max(config.periods.reconcile, restMs), stopping);
  }
}

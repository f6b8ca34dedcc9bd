import { notifier as group, notifyUser } from "@strongroom/core/notice/notify-user";
import type { Push } from "@strongroom/core/ports/push";
import { Availability } from "./availability.ts";
import type { Running, Worker, WorkerContext } from "./worker.ts";

/** Tells people what became of their documents: a member of the consumer group on the documents topic. */
export const notifier: Worker = async (context): Promise<Running> => {
  const { ports, stopping, vitals } = context;
  const push = patient(context);
  const consuming = ports.stream.consume(
    { group, topics: ["documents"], signal: stopping },
    async (record) => {
      await notifyUser({ ...ports, push }, record);
      vitals?.round(true);
    },
  );
  const watching = watchLag(context);
  return { done: Promise.all([consuming, watching]).then(() => {}), isolation: null };
};

/** A push service that fails is asked for one notice at a time, ever more seldom, whichever partition it is of. */
function patient({ ports, stopping, vitals }: WorkerContext): Push {
  const needs = new Availability(ports);
  return {
    async send(notice) {
      await needs.turn(stopping);
      try {
        const answer = await ports.push.send(notice);
        needs.worked();
        return answer;
      } catch (error) {
        needs.failed(notice.tag);
        vitals?.round(false); // starting anew would not bring it back
        throw error;
      }
    },
  };
}

/**
 * Asks at every beat how far the group is behind. A record handled, or nothing left to handle in the partitions of this member,
 * is a round; a lag of its own that stays while nothing is handled is none, so that a member which hangs is found although it
 * sits in its seat.
 */
async function watchLag({ ports, stopping, vitals }: WorkerContext): Promise<void> {
  if (!vitals) return;
  let lag: number | null = null;
  vitals.addGauge({
    name: "strongroom_notifier_lag_records",
    help: "Records of a topic that the notifiers have not committed.",
    read: async () => (lag === null ? [] : [{ labels: { topic: "documents" }, value: lag }]),
  });
  while (!stopping.aborted) {
    const behind = await readLag(ports).catch((error: Error) => {
      ports.log.warn("notifier.lag_unknown", { error });
      return null;
    });
    lag = behind?.all ?? null;
    if (behind?.own === 0) vitals.round(true);
    if (behind === null) vitals.round(false); // the stream is away: starting anew would not bring it back
    await ports.clock.sleep(ports.config.periods.beat, stopping);
  }
}

async function readLag({
  stream,
}: Pick<WorkerContext["ports"], "stream">): Promise<{ all: number; own: number }> {
  const all = await stream.lag(group, "documents");
  return { all, own: all === 0 ? 0 : await stream.lag(group, "documents", { own: true }) };
}

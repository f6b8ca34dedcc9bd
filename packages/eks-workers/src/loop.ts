import type { Ports } from "@strongroom/core/ports/ports";
import type { Message, QueueName } from "@strongroom/core/ports/queue";
import { Lookout, type Source } from "./lookout.ts";
import type { Vitals } from "./vitals.ts";

type LoopPorts = Pick<Ports, "queue" | "clock" | "config" | "log">;
/**
 * `queues` in order of precedence: a later one is asked only when the ones before are empty, and with a lower `upTo`, so that
 * what comes into the first one finds a place.
 */
type LoopOptions = {
  queues: readonly [Source, ...Source[]];
  stopping: AbortSignal;
  vitals?: Vitals | undefined;
};
type Handle = (message: Message) => Promise<void>;

/** After this many faults in a row, of the work or of the queue, the loop pulls slower: a sick worker must not drain it. */
const restAfter = 3;

/**
 * Receives, handles and acknowledges until `stopping`, with at most `upTo()` messages in hand; then waits for what is in
 * hand. A message whose handling throws is given back. Resolves when all is done.
 */
export async function runLoop(
  ports: LoopPorts,
  { queues, stopping, vitals }: LoopOptions,
  handle: Handle,
): Promise<void> {
  const inHand = new Set<Promise<void>>();
  vitals?.addGauge({
    name: "strongroom_worker_in_hand",
    help: "Messages that this worker is at work on.",
    read: async () => [{ value: inHand.size }],
  });
  const lookout = new Lookout(ports, queues, inHand, stopping);
  let [faults, outages] = [0, 0];
  while (!stopping.aborted) {
    const received = await lookout.next();
    if (received === null) continue;
    const { queue, messages } = received;
    outages = messages === null ? outages + 1 : 0;
    vitals?.round(messages !== null);
    if (stopping.aborted) {
      await giveBack(ports, queue, messages ?? []);
      break;
    }
    for (const message of messages ?? []) {
      const work = handleOne(ports, queue, message, handle)
        .then((done) => void (faults = done ? 0 : faults + 1))
        .finally(() => (inHand.delete(work), vitals?.round(true)));
      inHand.add(work);
    }
    const inARow = Math.max(faults, outages);
    if (inARow >= restAfter) await ports.clock.sleep(restMs(ports, inARow - restAfter), stopping);
  }
  const last = await lookout.last();
  await giveBack(ports, last.queue, last.messages ?? []);
  await Promise.all(inHand);
}

/** Twice as long each time, up to `restCap`. */
const restMs = ({ config }: LoopPorts, before: number): number =>
  Math.min(config.periods.restCap, config.periods.rest * 2 ** Math.min(before, 20));

/** What came in while we were told to stop is somebody else's, at once. */
async function giveBack(ports: LoopPorts, queue: QueueName, messages: Message[]): Promise<void> {
  await Promise.allSettled(messages.map(({ receipt }) => ports.queue.release(queue, receipt, 0))); // visibility brings back the rest
}

/** Whether the message was handled. Visibility is renewed while the work lasts, so that nobody else is rung for it. */
async function handleOne(
  ports: LoopPorts,
  queue: QueueName,
  message: Message,
  handle: Handle,
): Promise<boolean> {
  const done = new AbortController();
  const renewing = renew(ports, queue, message, done.signal);
  try {
    await handle(message);
    await ports.queue.acknowledge(queue, message.receipt);
    return true;
  } catch (error) {
    ports.log.warn("loop.handle_failed", {
      queue,
      messageId: message.id,
      receiveCount: message.receiveCount,
      error: error as Error,
    });
    const delayMs = ports.config.periods.retryBase * message.receiveCount;
    await ports.queue.release(queue, message.receipt, delayMs).catch(() => {}); // visibility brings it back
    return false;
  } finally {
    done.abort();
    await renewing;
  }
}

async function renew(ports: LoopPorts, queue: QueueName, message: Message, done: AbortSignal): Promise<void> {
  const { visibility } = ports.config.periods;
  while (!done.aborted) {
    await ports.clock.sleep(visibility / 4, done);
    if (done.aborted) return;
    await ports.queue
      .extend(queue, message.receipt, visibility)
      .catch((error: Error) => ports.log.warn("loop.extend_failed", { error }));
  }
}

import type { Ports } from "@strongroom/core/ports/ports";
import type { Message, QueueName } from "@strongroom/core/ports/queue";
import { Availability } from "./availability.ts";
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
/**
 * What the handling of a message says of what it needs: all is there, something is not though the message was taken care of,
 * or nothing of the kind. No answer says that all is there; an error, that it is not.
 */
export type Handled = "well" | "fault" | "neither";
type Handle = (message: Message, queue: QueueName) => Promise<Handled | void>;

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
  const [asking, working] = [new Availability(ports), new Availability(ports)];
  vitals?.addGauge({
    name: "strongroom_worker_needs_away",
    help: "1 while what the work needs seems away, so that one message is tried now and then; else 0.",
    read: async () => [{ value: asking.seemsAway || working.seemsAway ? 1 : 0 }],
  });
  for (let looks = 0; !stopping.aborted; looks += 1) {
    await asking.turn(stopping);
    await working.due(stopping);
    const received = await takeNext(lookout, working, stopping);
    if (received === null) continue;
    const { queue, messages } = received;
    if (messages === null) asking.failed(`look ${looks}`);
    else asking.worked();
    vitals?.round(messages !== null);
    if (stopping.aborted) {
      await giveBack(ports, queue, messages ?? []);
      break;
    }
    if (messages?.length) working.mayTry(); // from now on the next rest runs, if one is due at all
    for (const message of messages ?? []) {
      const work = handleOne(ports, queue, message, handle)
        .then((handled) => note(ports, working, handled, message))
        .finally(() => (inHand.delete(work), vitals?.round(true)));
      inHand.add(work);
    }
  }
  const last = await lookout.last();
  await giveBack(ports, last.queue, last.messages ?? []);
  await Promise.all(inHand);
}

/** One at a time while what the work needs seems away; null when that has changed before anything came. */
async function takeNext(lookout: Lookout, needs: Availability, stopping: AbortSignal) {
  const isAway = needs.seemsAway;
  while (!stopping.aborted && needs.seemsAway === isAway) {
    const received = await lookout.next(isAway ? 1 : Infinity);
    if (received !== null) return received;
  }
  return null;
}

function note({ log }: LoopPorts, needs: Availability, handled: Handled, { body }: Message): void {
  const wasAway = needs.seemsAway;
  if (handled === "well") needs.worked();
  if (handled === "fault") needs.failed(body);
  if (handled === "neither") needs.spared();
  if (needs.seemsAway !== wasAway) log.warn(wasAway ? "loop.needs_back" : "loop.needs_away");
}

/** What came in while we were told to stop is somebody else's, at once. */
async function giveBack(ports: LoopPorts, queue: QueueName, messages: Message[]): Promise<void> {
  await Promise.allSettled(messages.map(({ receipt }) => ports.queue.release(queue, receipt, 0))); // visibility brings back the rest
}

/** Visibility is renewed while the work lasts, so that nobody else is rung for it. */
async function handleOne(
  ports: LoopPorts,
  queue: QueueName,
  message: Message,
  handle: Handle,
): Promise<Handled> {
  const done = new AbortController();
  const renewing = renew(ports, queue, message, done.signal);
  try {
    const handled = await handle(message, queue);
    await ports.queue.acknowledge(queue, message.receipt);
    return handled ?? "well";
  } catch (error) {
    ports.log.warn("loop.handle_failed", {
      queue,
      messageId: message.id,
      receiveCount: message.receiveCount,
      error: error as Error,
    });
    const delayMs = ports.config.periods.retryBase * message.receiveCount;
    await ports.queue.release(queue, message.receipt, delayMs).catch(() => {}); // visibility brings it back
    return "fault";
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

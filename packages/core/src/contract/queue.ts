import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Message, Queue } from "../ports/queue.ts";

/** An adapter with queues that nobody else uses. */
export type QueueUnderTest = { queue: Queue; maxReceives: number; close(): Promise<void> };

/**
 * What a slow broker needs: its shortest loan, a delay that it surely notices, and the limit of one test; and whether it
 * tells the age of the oldest message.
 */
export type QueueTiming = { visibilityMs: number; delayMs: number; limitMs: number; tellsAge: boolean };

const defaultTiming: QueueTiming = { visibilityMs: 200, delayMs: 1_000, limitMs: 15_000, tellsAge: true };
const long = { max: 10, waitMs: 20_000, visibilityMs: 60_000 };
const atOnce = { max: 10, waitMs: 0, visibilityMs: 60_000 };

/** Everything that an adapter of the queue port does when nothing goes wrong. */
export function queueContract(
  name: string,
  open: () => Promise<QueueUnderTest>,
  timing: Partial<QueueTiming> = {},
): void {
  const { visibilityMs, delayMs, limitMs, tellsAge } = { ...defaultTiming, ...timing };
  describe(`the queue contract: ${name}`, { timeout: limitMs }, () => {
    let under: QueueUnderTest;
    let queue: Queue;
    beforeAll(async () => {
      under = await open();
      queue = under.queue;
    }, limitMs);
    afterEach(() => drain(queue));
    afterAll(() => under.close());

    test("a message arrives with its body and attributes, and never again once it is acknowledged", async () => {
      const body = JSON.stringify({ id: randomUUID(), text: "Grüße 🚚" });
      await queue.send("documents", body, { attributes: { traceparent: "00-1-2-01" } });
      const [message, ...others] = await queue.receive("documents", { ...long, visibilityMs });
      expect(others).toEqual([]);
      expect(message).toMatchObject({ body, receiveCount: 1, attributes: { traceparent: "00-1-2-01" } });
      await queue.acknowledge("documents", message!.receipt);
      expect(await queue.receive("documents", { ...atOnce, waitMs: 2 * visibilityMs })).toEqual([]);
    });

    test("a message on loan is invisible, and comes back under another receipt when the loan is over", async () => {
      await queue.send("documents", "loaned");
      const first = await one(queue, visibilityMs);
      expect(await queue.receive("documents", atOnce)).toEqual([]);
      const second = await one(queue);
      expect(second).toMatchObject({ id: first.id, body: "loaned", receiveCount: 2 });
      expect(second.receipt).not.toBe(first.receipt);
      await queue.acknowledge("documents", second.receipt);
    });

    test("an extended loan outlives its first end", async () => {
      await queue.send("documents", "slow");
      const message = await one(queue, visibilityMs);
      await queue.extend("documents", message.receipt, 60_000);
      expect(await queue.receive("documents", { ...atOnce, waitMs: 3 * visibilityMs })).toEqual([]);
      await queue.acknowledge("documents", message.receipt);
    });

    test("a released message comes back at once, and one released with a delay does not", async () => {
      await queue.send("documents", "given back");
      await queue.release("documents", (await one(queue)).receipt, 0);
      const again = await one(queue);
      expect(again).toMatchObject({ body: "given back", receiveCount: 2 });
      await queue.release("documents", again.receipt, delayMs);
      expect(await queue.receive("documents", atOnce)).toEqual([]);
      await queue.acknowledge("documents", (await one(queue)).receipt);
    });

    test("a delayed message is not there at first, and comes", async () => {
      await queue.send("documents", "later", { delayMs });
      expect(await queue.receive("documents", atOnce)).toEqual([]);
      const message = await one(queue);
      expect(message.body).toBe("later");
      await queue.acknowledge("documents", message.receipt);
    });

    test("a receiver that waits is given what is sent meanwhile", async () => {
      const waiting = one(queue);
      await queue.send("documents", "expected");
      const message = await waiting;
      expect(message.body).toBe("expected");
      await queue.acknowledge("documents", message.receipt);
    });

    test("an abort ends the wait without a message", async () => {
      const stop = new AbortController();
      const waiting = queue.receive("documents", { ...long, signal: stop.signal });
      stop.abort();
      expect(await waiting).toEqual([]);
      expect(await queue.receive("documents", { ...long, signal: stop.signal })).toEqual([]);
    });

    test("nothing is said about a receipt whose message is gone", async () => {
      await queue.send("documents", "gone");
      const { receipt } = await one(queue);
      await queue.acknowledge("documents", receipt);
      await queue.acknowledge("documents", receipt);
      await queue.extend("documents", receipt, 60_000);
      await queue.release("documents", receipt, 0);
      expect(await queue.receive("documents", atOnce)).toEqual([]);
    });

    test("a message delivered too often becomes a dead letter, whole, until that is acknowledged", async () => {
      await queue.send("documents", "poison", { attributes: { trace: "1" } });
      for (let delivery = 1; delivery <= under.maxReceives; delivery++) {
        const message = await one(queue);
        expect(message.receiveCount).toBe(delivery);
        await queue.release("documents", message.receipt, 0);
      }
      expect(await queue.receive("documents", { ...atOnce, waitMs: visibilityMs })).toEqual([]);
      const dead = await oneDead(queue);
      expect(dead).toMatchObject({ body: "poison", attributes: { trace: "1" } });
      expect(await queue.receiveDead("documents", { max: 10, visibilityMs })).toEqual([]);
      const again = await oneDead(queue);
      expect(again.body).toBe("poison");
      await queue.acknowledgeDead("documents", again.receipt);
      await expect.poll(async () => (await queue.depth("documents")).dead, { timeout: limitMs / 2 }).toBe(0);
    });

    test("queues do not share messages", async () => {
      await queue.send("late", "old");
      expect(await queue.receive("documents", atOnce)).toEqual([]);
      const [message] = await queue.receive("late", long);
      expect(message?.body).toBe("old");
      await queue.acknowledge("late", message!.receipt);
    });

    test("the depth tells what waits and what is on loan", async () => {
      const depth = () => queue.depth("documents");
      await queue.send("documents", "a");
      await queue.send("documents", "b");
      await expect.poll(depth, { timeout: limitMs / 2 }).toMatchObject({ waiting: 2, inFlight: 0, dead: 0 });
      const { oldestWaitingMs } = await depth();
      if (tellsAge) expect(oldestWaitingMs).toBeGreaterThanOrEqual(0);
      else expect(oldestWaitingMs).toBeNull();
      const [first] = await queue.receive("documents", { ...long, max: 1 });
      await expect.poll(depth, { timeout: limitMs / 2 }).toMatchObject({ waiting: 1, inFlight: 1 });
      await queue.acknowledge("documents", first!.receipt);
      await drain(queue);
      await expect
        .poll(depth, { timeout: limitMs / 2 })
        .toEqual({ waiting: 0, inFlight: 0, dead: 0, oldestWaitingMs: null });
    });

    test("several receivers empty a queue together", async () => {
      const bodies = Array.from({ length: 40 }, (_, index) => `load ${index}`);
      await Promise.all(bodies.map((body) => queue.send("documents", body)));
      const handled = await emptied(queue, bodies, 3, limitMs);
      expect([...handled].toSorted()).toEqual(bodies.toSorted());
    });
  });
}

/** What remains promised when deliveries are doubled, reordered and delayed, and answers are lost. */
export function queueGuarantees(
  name: string,
  open: () => Promise<QueueUnderTest>,
  timing: Partial<QueueTiming> = {},
): void {
  const { visibilityMs, limitMs } = { ...defaultTiming, ...timing };
  test(`no message is lost: ${name}`, { timeout: limitMs }, async () => {
    const { queue, close } = await open();
    const bodies = Array.from({ length: 60 }, (_, index) => `load ${index}`);
    for (const body of bodies) await insist(() => queue.send("documents", body));
    const handled = await emptied(queue, bodies, 3, visibilityMs);
    expect([...handled].toSorted()).toEqual(bodies.toSorted());
    await close();
  });
}

async function one(queue: Queue, visibilityMs = 60_000): Promise<Message> {
  const [message] = await queue.receive("documents", { max: 1, waitMs: 20_000, visibilityMs });
  if (!message) throw new Error("no message came");
  return message;
}

async function oneDead(queue: Queue): Promise<Message> {
  for (;;) {
    const [message] = await queue.receiveDead("documents", { max: 1, visibilityMs: 200 });
    if (message) return message;
    await queue.receive("documents", { ...atOnce, max: 1, waitMs: 50 }); // brokers bury a message when they meet it
  }
}

async function drain(queue: Queue): Promise<void> {
  for (;;) {
    const messages = await queue.receive("documents", atOnce);
    if (messages.length === 0) return;
    for (const message of messages) await queue.acknowledge("documents", message.receipt);
  }
}

/** Receives with several receivers until every body was met, in a delivery or as a dead letter. */
async function emptied(
  queue: Queue,
  bodies: string[],
  receivers: number,
  visibilityMs: number,
): Promise<Set<string>> {
  const handled = new Set<string>();
  const done = new AbortController();
  const receive = async () => {
    while (!done.signal.aborted) {
      const options = { max: 5, waitMs: 20_000, visibilityMs, signal: done.signal };
      const messages = await queue.receive("documents", options).catch(() => []);
      const dead = await queue.receiveDead("documents", { max: 5, visibilityMs }).catch(() => []);
      for (const message of [...messages, ...dead]) handled.add(message.body);
      for (const message of messages) await queue.acknowledge("documents", message.receipt).catch(() => {});
      if (handled.size >= bodies.length) done.abort();
    }
  };
  await Promise.all(Array.from({ length: receivers }, receive));
  return handled;
}

async function insist<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch {
      // as a sender does: an answer that was lost may mean a message sent twice
    }
  }
}

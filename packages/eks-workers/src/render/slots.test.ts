import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { Decoder } from "./decoder.ts";
import { type Slot, Slots } from "./slots.ts";

const noChild = () => Promise.reject<Decoder>(new Error("nobody starts here"));
const never = new AbortController().signal;

/** Starts children that do nothing; a `start` that must wait goes on when `ready` resolves. */
function nursery(ready: () => Promise<void> = async () => {}) {
  const started: { decoder: Decoder; die: () => void; isKilled: boolean }[] = [];
  const start = async () => {
    const died = Promise.withResolvers<void>();
    const child = { decoder: {} as Decoder, die: died.resolve, isKilled: false };
    const kill = async () => void (child.isKilled = true);
    child.decoder = { exited: died.promise, kill } as unknown as Decoder;
    started.push(child);
    await ready();
    return child.decoder;
  };
  return { started, start };
}

describe("the slots of a renderer", () => {
  test("are handed out first come, first served, whoever leaves the queue meanwhile", async () => {
    const waiters = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), waiters, async (count, leaves) => {
        const slots = new Slots(count, noChild, () => {});
        const held = await Promise.all(Array.from({ length: count }, () => slots.lease(never)));
        const served: number[] = [];
        const leaving = new AbortController();
        const queue = leaves.map(async (leavesQueue, place) => {
          const slot = await slots.lease(leavesQueue ? leaving.signal : never);
          served.push(place);
          slot.release(null);
        });
        leaving.abort(new Error("left"));
        held.forEach((slot) => slot.release(null));
        const ends = await Promise.allSettled(queue);
        expect(ends.map(({ status }) => status === "rejected")).toEqual(leaves);
        expect(served).toEqual(leaves.flatMap((leavesQueue, place) => (leavesQueue ? [] : [place])));
        const again: Slot[] = await Promise.all(held.map(() => slots.lease(never)));
        expect(new Set(again).size).toBe(count);
      }),
    );
  });

  test("are not handed to somebody who has already gone", async () => {
    const slots = new Slots(1, noChild, () => {});
    await expect(slots.lease(AbortSignal.abort(new Error("gone before")))).rejects.toThrow("gone before");
    expect(await slots.lease(never)).toBeDefined();
  });

  test("let a spare child take its time until a slot has lost its own", async () => {
    const needs: (string | undefined)[] = [];
    const { started, start } = nursery();
    const slots = new Slots(
      1,
      (needed) => {
        const number = needs.push(needed ? "takes its time" : undefined) - 1;
        void needed?.then(() => (needs[number] = "is needed"));
        return start();
      },
      () => {},
    );
    const slot = await slots.lease(never);
    const first = await slot.decoder();
    await vi.waitFor(() => expect(needs).toEqual([undefined, "takes its time", "takes its time"]));
    slot.release(first);
    expect(await slot.decoder()).toBe(started[1]!.decoder);
    await vi.waitFor(() =>
      expect(needs).toEqual([undefined, "is needed", "takes its time", "takes its time"]),
    );
  });

  test("warm another child when one is worn out or dies, before anybody asks for it", async () => {
    const { started, start } = nursery();
    const slots = new Slots(1, start, () => {});
    const slot = await slots.lease(never);
    slot.release(await slot.decoder());
    expect(await slot.decoder()).toBe(started[1]!.decoder);
    expect(started.map(({ isKilled }) => isKilled)).toEqual([true, false, false, false]);
    started[1]!.die();
    await vi.waitFor(() => expect(started).toHaveLength(5));
  });

  test("keep two more children warm, so that jobs that cost their children cost the next ones no time", async () => {
    let starts = 0;
    const { started, start } = nursery(async () => ((starts += 1) > 3 ? new Promise(() => {}) : undefined));
    const slots = new Slots(1, start, () => {});
    const slot = await slots.lease(never);
    slot.release(await slot.decoder());
    const next = await slots.lease(never);
    expect(await next.decoder()).toBe(started[1]!.decoder);
    next.release(started[1]!.decoder);
    expect(await (await slots.lease(never)).decoder()).toBe(started[2]!.decoder);
  });

  test("do not hand out a spare child that died while it waited", async () => {
    const { started, start } = nursery();
    const slots = new Slots(1, start, () => {});
    const slot = await slots.lease(never);
    const worn = await slot.decoder();
    started[1]!.die();
    await new Promise((resolve) => setImmediate(resolve));
    slot.release(worn);
    expect(await (await slots.lease(never)).decoder()).toBe(started[2]!.decoder);
  });

  test("try again to start a child for the next job when it did not start for this one", async () => {
    let tries = 0;
    const slots = new Slots(
      1,
      () => Promise.reject<Decoder>(new Error(`try ${(tries += 1)}`)),
      () => {},
    );
    const slot = await slots.lease(never);
    await expect(slot.decoder()).rejects.toThrow("try 1");
    await expect(slot.decoder()).rejects.toThrow("try 2");
  });
});

describe("a job that takes long", () => {
  test("steps aside with its child and lets the next one in, to another child", async () => {
    const { started, start } = nursery();
    const slots = new Slots(1, start, () => {});
    const long = await slots.lease(never);
    const running = await long.decoder();
    const next = slots.lease(never);
    expect([long.isAside, long.stepAside(running), long.isAside]).toEqual([false, true, true]);
    expect(await (await next).decoder()).not.toBe(running);
    expect(started.some(({ isKilled }) => isKilled)).toBe(false);
  });

  test("lets the next one in when the other child is warm, not before", async () => {
    const warm = Promise.withResolvers<void>();
    let starts = 0;
    const { start } = nursery(async () => ((starts += 1) === 2 ? await warm.promise : undefined));
    const slots = new Slots(2, start, () => {});
    await slots.lease(never); // has the one slot for good, without a child
    const long = await slots.lease(never);
    long.stepAside(await long.decoder());
    let isIn = false;
    const next = slots.lease(never).then(() => (isIn = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isIn).toBe(false);
    warm.resolve();
    await next;
  });

  test("lets the next one in even when no other child could be started", async () => {
    const failures: unknown[] = [];
    let starts = 0;
    const { start } = nursery(async () =>
      (starts += 1) > 1 ? Promise.reject(new Error("no memory")) : undefined,
    );
    const slots = new Slots(1, start, (error) => failures.push(error));
    const long = await slots.lease(never);
    long.stepAside(await long.decoder());
    await expect((await slots.lease(never)).decoder()).rejects.toThrow("no memory");
    expect(failures).toEqual(Array(3).fill(new Error("no memory"))); // as spare ones, and for the slot
  });

  test("leaves the warm child of its slot to the next one when it runs in another", async () => {
    const { started, start } = nursery();
    const slots = new Slots(1, start, () => {});
    const tight = await slots.lease(never);
    const warm = await tight.decoder();
    tight.stepAside(null);
    await start();
    expect(await (await slots.lease(never)).decoder()).toBe(warm);
    expect(started).toHaveLength(4); // its own, the other one, and the spares
  });

  test("may leave its slot before there is a child, and none is started twice", async () => {
    const { started, start } = nursery();
    const slots = new Slots(1, start, () => {});
    const tight = await slots.lease(never);
    tight.stepAside(null);
    expect(await (await slots.lease(never)).decoder()).toBe(started[0]!.decoder);
    expect(started).toHaveLength(3); // its own, and the spares
  });

  test("finds as many places aside as there are slots, and keeps its slot when all are taken", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.constantFrom("step", "end"), { maxLength: 30 }),
        async (count, steps) => {
          const { start } = nursery();
          const slots = new Slots(count, start, () => {});
          const aside: Slot[] = [];
          for (const step of steps) {
            if (step === "end") aside.shift()?.release(null);
            else {
              const slot = await slots.lease(never);
              const isAside = slot.stepAside(await slot.decoder());
              expect(isAside).toBe(aside.length < count);
              if (isAside) aside.push(slot);
              else slot.release(null);
            }
          }
          const all = await Promise.all(Array.from({ length: count }, () => slots.lease(never)));
          expect(all).toHaveLength(count);
        },
      ),
    );
  });
});

import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { Decoder } from "./decoder.ts";
import { type Slot, Slots } from "./slots.ts";

const noChild = () => Promise.reject<Decoder>(new Error("nobody starts here"));
const never = new AbortController().signal;

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

  test("warm another child when one is worn out or dies, before anybody asks for it", async () => {
    const started: { decoder: Decoder; die: () => void; isKilled: boolean }[] = [];
    const start = async () => {
      const died = Promise.withResolvers<void>();
      const child = { decoder: {} as Decoder, die: died.resolve, isKilled: false };
      const kill = async () => void (child.isKilled = true);
      child.decoder = { exited: died.promise, kill } as unknown as Decoder;
      started.push(child);
      return child.decoder;
    };
    const slots = new Slots(1, start, () => {});
    const slot = await slots.lease(never);
    slot.release(await slot.decoder());
    expect(started).toMatchObject([{ isKilled: true }, { isKilled: false }]);
    await slot.decoder();
    started[1]!.die();
    await vi.waitFor(() => expect(started).toHaveLength(3));
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

import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { heeding } from "./abort.ts";

it("work that ends before the signal keeps its outcome, and the signal is let go", async () => {
  const { signal } = new AbortController();
  expect(await heeding(signal, Promise.resolve(7))).toBe(7);
  await expect(heeding(signal, Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

it("work that never ends is left with the signal's reason when it aborts", async () => {
  const stop = new AbortController();
  const waiting = heeding(stop.signal, new Promise(() => {}));
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});

it("an aborted signal ends work before it is waited for, and its later failure disturbs nobody", async () => {
  const work = Promise.withResolvers<never>();
  await expect(heeding(AbortSignal.abort(new Error("gone")), work.promise)).rejects.toThrow("gone");
  work.reject(new Error("too late"));
});

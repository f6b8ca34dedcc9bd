import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import type { Clock } from "./clock.ts";
import { isOutage } from "./database/outage.ts";
import type { ListedObject, ObjectFacts, Objects } from "./ports/objects.ts";
import { storeForStep } from "./step-store.ts";

/** A store of these calls, and a step's patience that ends when it is told to. */
function storeOf(given: Partial<Objects>) {
  const sleeping = new Set<() => void>();
  const sleep: Clock["sleep"] = (_delayMs, signal) =>
    new Promise((resolve) => {
      sleeping.add(resolve);
      signal!.addEventListener("abort", () => (sleeping.delete(resolve), resolve()));
    });
  const clock = { now: () => new Date(0), monotonicMs: () => 0, sleep };
  const store = storeForStep({ objects: given as Objects, clock });
  const endPatience = () => sleeping.forEach((wake) => wake());
  return { store, sleeping, endPatience };
}
const hang = () => new Promise<never>(() => {});
const silence = expect.objectContaining({ message: "the store has not answered for 5000 ms" });
const listed = (key: string) => ({ key }) as ListedObject;

it("answers what the store answers, and throws what it throws, and waits for nothing more then", async () => {
  const refused = new Error("AccessDenied");
  const head = async (key: string) => ({ key }) as ObjectFacts;
  const { store, sleeping } = storeOf({ head, remove: () => Promise.reject(refused) });
  expect(await store.head("s/a")).toEqual({ key: "s/a" });
  await expect(store.remove("s/a", "1")).rejects.toBe(refused);
  expect(sleeping.size).toBe(0);
});

it("takes a call without an answer for an outage, and asks for nothing more", async () => {
  const calls: string[] = [];
  const late = Promise.withResolvers<never>();
  const { store, endPatience } = storeOf({
    head: (key) => (calls.push(key), late.promise),
    remove: async (key) => void calls.push(key),
  });
  const waiting = store.head("s/a");
  endPatience();
  const error: unknown = await waiting.catch((caught: unknown) => caught);
  expect(error).toEqual(silence);
  expect(isOutage(error)).toBe(true);
  await expect(store.remove("s/b", "1")).rejects.toBe(error);
  expect(calls).toEqual(["s/a"]);
  late.reject(new Error("disturbs nobody"));
});

it("waits so long for each page of a list, and ends the list that it leaves", async () => {
  let ended = 0;
  const list = async function* () {
    try {
      yield listed("s/a");
      yield listed("s/b");
      await hang();
    } finally {
      ended += 1;
    }
  };
  const { store, endPatience } = storeOf({ list });
  for await (const { key } of store.list("s/")) if (key === "s/b") break;
  expect(ended).toBe(1);
  const seen: string[] = [];
  const listing = (async () => {
    for await (const { key } of store.list("s/")) if (seen.push(key) === 2) setImmediate(endPatience);
  })();
  await expect(listing).rejects.toEqual(silence);
  expect(seen).toEqual(["s/a", "s/b"]);
});

it("waits so long for each chunk of what it reads, and closes what its reader leaves", async () => {
  const half = new Readable({ read() {} });
  half.push("half");
  const long = Readable.from(Array.from({ length: 100 }, () => Buffer.from("chunk")));
  const bodies = [Readable.from([Buffer.from("who"), Buffer.from("le")]), long, half];
  const { store, sleeping, endPatience } = storeOf({ read: async () => bodies.shift()! });
  expect(await text(await store.read("t/a"))).toBe("whole");
  const closed = new Promise((resolve) => long.once("close", resolve));
  for await (const chunk of await store.read("t/b")) if (String(chunk) === "chunk") break;
  await closed;
  expect(sleeping.size).toBe(0);
  const reading = text(await store.read("t/c"));
  setImmediate(endPatience);
  await expect(reading).rejects.toEqual(silence);
});

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
  const patience: number[] = [];
  let nowMs = 0;
  const sleep: Clock["sleep"] = (delayMs, signal) =>
    new Promise((resolve) => {
      patience.push(delayMs);
      sleeping.add(resolve);
      signal!.addEventListener("abort", () => (sleeping.delete(resolve), resolve()));
    });
  const clock = { now: () => new Date(0), monotonicMs: () => nowMs, sleep };
  const store = storeForStep({ objects: given as Objects, clock });
  const endPatience = () => sleeping.forEach((wake) => wake());
  const goOn = (ms: number) => void (nowMs += ms);
  return { store, sleeping, patience, endPatience, goOn };
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

it("waits for nothing longer than twice the time of a step, counted from its beginning", async () => {
  const { store, patience, goOn } = storeOf({ head: async () => null });
  for (const ms of [0, 6_000, 3_000]) {
    goOn(ms);
    await store.head("s/a");
  }
  expect(patience).toEqual([5_000, 4_000, 1_000]);
  goOn(1_000);
  const error: unknown = await store.head("s/a").catch((caught: unknown) => caught);
  expect(error).toEqual(expect.objectContaining({ message: "the step has asked the store for 10000 ms" }));
  expect(isOutage(error)).toBe(true);
  expect(patience).toHaveLength(3);
});

it("gives what works while it waits all the time that is left, and takes a slow join for one document's fault", async () => {
  const { store, patience, endPatience, goOn } = storeOf({
    completeParts: hang,
    head: async () => null,
    listUploads: async function* () {},
  });
  goOn(2_000);
  for await (const _ of store.listUploads("s/"));
  const joining = store.completeParts("s/a", "u", []);
  expect(patience).toEqual([8_000, 8_000]);
  endPatience();
  const error: unknown = await joining.catch((caught: unknown) => caught);
  expect(error).toEqual(
    expect.objectContaining({ message: "the store has not joined the parts within 8000 ms" }),
  );
  expect(isOutage(error)).toBe(false);
  expect(await store.head("s/b")).toBeNull();
});

it("closes a body that comes too late, and the source of one of which nobody read", async () => {
  const late = Promise.withResolvers<Readable>();
  const [first, second] = [new Readable({ read() {} }), new Readable({ read() {} })];
  const answers = [Promise.resolve(first), late.promise];
  const { store, endPatience } = storeOf({ read: () => answers.shift()! });
  const closed = [first, second].map((body) => new Promise((resolve) => body.once("close", resolve)));
  (await store.read("t/a")).destroy();
  await closed[0];
  const reading = store.read("t/b");
  endPatience();
  await expect(reading).rejects.toEqual(silence);
  late.resolve(second);
  await closed[1];
});

import { query, steppedClock } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { systemClock } from "@strongroom/core/clock";
import type { Message, Queue } from "@strongroom/core/ports/queue";
import type { Ports } from "@strongroom/core/ports/ports";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Handled, runLoop } from "./loop.ts";
import { createVitals, type Vitals } from "./vitals.ts";

/** A quarter of the visibility of these tests; not one of the loop's own rests. */
const renewalMs = 600;
let world: TestWorld;
let stop: AbortController;
beforeAll(async () => (world = await testWorld({ periods: { visibility: 4 * renewalMs } })));
afterAll(() => world.close());
beforeEach(async () => {
  await query(world, "delete from embedded.queue_message");
  stop = new AbortController();
});
afterEach(() => stop.abort());

const source = (name: "documents" | "late", most: number) => ({ name, upTo: () => most });
type Loop = { ports?: Partial<Ports>; atOnce?: number; lateAtOnce?: number; vitals?: Vitals };

/** A loop over fresh and over-age work; `done` resolves when it has stopped. */
function start(
  handle: (message: Message) => Promise<Handled | void>,
  { ports = {}, atOnce = 2, lateAtOnce = atOnce - 1 || 1, vitals }: Loop = {},
) {
  const done = runLoop(
    { ...world.ports, ...ports },
    { queues: [source("documents", atOnce), source("late", lateAtOnce)], stopping: stop.signal, vitals },
    handle,
  );
  return { done, end: async () => (stop.abort(), await done) };
}

const send = (body: string, queue: "documents" | "late" = "documents") => world.ports.queue.send(queue, body);
const depths = async () => {
  const [documents, late] = [
    await world.ports.queue.depth("documents"),
    await world.ports.queue.depth("late"),
  ];
  return { waiting: documents.waiting + late.waiting, inFlight: documents.inFlight + late.inFlight };
};

describe("a worker's loop", () => {
  it("handles every message once and acknowledges it afterwards", async () => {
    const bodies = Array.from({ length: 25 }, (_, n) => `message ${n}`);
    for (const body of bodies) await send(body);
    const handled: string[] = [];
    const loop = start(async ({ body }) => void handled.push(body), { atOnce: 4 });
    await vi.waitFor(() => expect(handled).toHaveLength(25), { timeout: 10_000 });
    await loop.end();
    expect(handled.toSorted()).toEqual(bodies.toSorted());
    expect(await depths()).toEqual({ waiting: 0, inFlight: 0 });
  });

  it.each([1, 2, 5])("has at most %i messages in hand", async (atOnce) => {
    for (let n = 0; n < 12; n += 1) await send(`message ${n}`);
    let [inHand, most, handled] = [0, 0, 0];
    const loop = start(
      async () => {
        most = Math.max(most, ++inHand);
        await new Promise((resolve) => setImmediate(resolve));
        inHand -= 1;
        handled += 1;
      },
      { atOnce },
    );
    await vi.waitFor(() => expect(handled).toBe(12), { timeout: 10_000 });
    await loop.end();
    expect(most).toBeLessThanOrEqual(atOnce);
  });

  it("never asks for more than ten at once, whatever it may hold", async () => {
    const asked: number[] = [];
    const queue: Queue = {
      ...world.ports.queue,
      receive: (name, wish) => (asked.push(wish.max), world.ports.queue.receive(name, wish)),
    };
    const loop = start(async () => {}, { atOnce: 64, ports: { queue } });
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0));
    await loop.end();
    expect(Math.max(...asked)).toBe(10);
  });

  it("takes fresh work before over-age work", async () => {
    for (let n = 0; n < 3; n += 1) await send(`late ${n}`, "late");
    for (let n = 0; n < 5; n += 1) await send(`fresh ${n}`);
    const handled: string[] = [];
    const loop = start(async ({ body }) => void handled.push(body.split(" ")[0]!), { atOnce: 1 });
    await vi.waitFor(() => expect(handled).toHaveLength(8), { timeout: 10_000 });
    await loop.end();
    expect(handled).toEqual([
      ...Array.from({ length: 5 }, () => "fresh"),
      ...Array.from({ length: 3 }, () => "late"),
    ]);
  });

  it("keeps places for fresh work while over-age work fills the others, and takes the next of that as soon as one is done", async () => {
    for (let n = 0; n < 5; n += 1) await send(`late ${n}`, "late");
    const handled: string[] = [];
    const ends: (() => void)[] = [];
    const loop = start(
      async ({ body }) => {
        handled.push(body.split(" ")[0]!);
        await new Promise<void>((resolve) => ends.push(resolve));
      },
      { atOnce: 4, lateAtOnce: 2 },
    );
    const seen = (words: string[]) =>
      vi.waitFor(() => expect(handled).toEqual(words), { timeout: 10_000, interval: 5 });
    await seen(["late", "late"]);
    await send("fresh 0");
    await seen(["late", "late", "fresh"]);
    await send("fresh 1");
    await seen(["late", "late", "fresh", "fresh"]);
    for (const end of ends.splice(0, 3)) end(); // one is in hand: of two places for any, one is free
    await seen(["late", "late", "fresh", "fresh", "late"]);
    const goOn = setInterval(() => ends.splice(0).forEach((end) => end()), 5);
    await vi.waitFor(() => expect(handled).toHaveLength(7), { timeout: 10_000 });
    await loop.end();
    clearInterval(goOn);
  });

  it("leaves a queue alone that has no room, and tells its handler whence each message comes", async () => {
    let room = 0;
    const queues = [source("documents", 2), { ...source("late", 2), room: () => room }] as const;
    const handled: string[] = [];
    await send("1", "late");
    const done = runLoop(world.ports, { queues, stopping: stop.signal }, async ({ body }, queue) => {
      handled.push(`${queue} ${body}`);
      if (body === "3") room = 1;
    });
    const seen = (all: string[]) => vi.waitFor(() => expect(handled).toEqual(all), { timeout: 10_000 });
    await send("2");
    await seen(["documents 2"]);
    await send("3");
    await seen(["documents 2", "documents 3", "late 1"]);
    stop.abort();
    await done;
  });

  it("looks into it again when it has room as time goes by, though nothing else happens", async () => {
    let room = 0;
    const looked = Promise.withResolvers<void>();
    const queues = [
      source("documents", 2),
      { ...source("late", 2), room: () => (looked.resolve(), room) },
    ] as const;
    const handled: string[] = [];
    await send("1", "late");
    const done = runLoop(world.ports, { queues, stopping: stop.signal }, async ({ body }) => {
      handled.push(body);
    });
    await looked.promise;
    room = 1;
    await vi.waitFor(() => expect(handled).toEqual(["1"]), 4_000); // before the look into the first one ends
    stop.abort();
    await done;
  });

  it("takes what a patient look brought meanwhile before more over-age work", async () => {
    const messageOf = (body: string): Message => ({
      id: body,
      receipt: body,
      body,
      receiveCount: 1,
      attributes: {},
    });
    const patient = Promise.withResolvers<Message[]>();
    const ends = new Map<string, () => void>();
    const handled: string[] = [];
    let looks = 0;
    const late = () => {
      looks += 1;
      if (looks === 3) patient.resolve([messageOf("fresh")]);
      return [["late 1"], [], ["late 2"], ["late 3"]][looks - 1]?.map(messageOf) ?? [];
    };
    const queue: Queue = {
      ...world.ports.queue,
      receive: async (name, { waitMs, signal }) => {
        if (name === "late") return late();
        if (waitMs === 0) return [];
        if (handled.length < 2) return await patient.promise;
        return await new Promise((resolve) => signal!.addEventListener("abort", () => resolve([])));
      },
      acknowledge: async () => {},
    };
    const loop = start(
      async ({ body }) => {
        handled.push(body);
        await new Promise<void>((resolve) => ends.set(body, resolve));
      },
      { ports: { queue }, atOnce: 4, lateAtOnce: 2 },
    );
    await vi.waitFor(() => expect(looks).toBe(2));
    ends.get("late 1")!();
    await vi.waitFor(() => expect(handled).toHaveLength(3));
    expect(handled).toEqual(["late 1", "late 2", "fresh"]);
    stop.abort();
    for (const end of ends.values()) end();
    await loop.done;
  });

  it("keeps a message to itself for as long as the work lasts", async () => {
    const clock = steppedClock();
    const extended: string[] = [];
    const queue: Queue = {
      ...world.ports.queue,
      extend: async (name, receipt, visibilityMs) => {
        await world.ports.queue.extend(name, receipt, visibilityMs);
        extended.push(`${name} ${visibilityMs}`);
      },
    };
    const work = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await send("long work");
    const loop = start(async () => (begun.resolve(), await work.promise), { ports: { clock, queue } });
    await begun.promise;
    for (let quarter = 1; quarter <= 6; quarter += 1) {
      await clock.asleep(renewalMs);
      clock.pass(renewalMs);
      await vi.waitFor(() => expect(extended).toHaveLength(quarter));
    }
    work.resolve();
    await loop.end();
    expect(new Set(extended)).toEqual(new Set(["documents 2400"]));
    expect(await depths()).toEqual({ waiting: 0, inFlight: 0 });
  });
});

describe("the rounds of a loop", () => {
  it("are its looks for work, whether there is any or not, and what it has done", async () => {
    const vitals = createVitals(systemClock);
    // An empty look asks both queues, then the first one patiently.
    const { finished, end } = scripted([none, none, none, down, down, down, down], undefined, vitals);
    await finished;
    await end();
    const [rounds] = vitals.counted();
    expect(rounds!.name).toBe("strongroom_worker_rounds_total");
    expect(rounds!.samples).toEqual(
      expect.arrayContaining([
        { labels: { ok: "true" }, value: 2 }, // the second one was ended by the stop
        { labels: { ok: "false" }, value: 4 },
      ]),
    );
  });

  it("tell how many messages are in hand", async () => {
    const vitals = createVitals(systemClock);
    const [begun, work] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await send("long work");
    const loop = start(async () => (begun.resolve(), await work.promise), { vitals });
    await begun.promise;
    expect(await vitals.gauges()[0]!.read()).toEqual([{ value: 1 }]);
    work.resolve();
    await loop.end();
    expect(await vitals.gauges()[0]!.read()).toEqual([{ value: 0 }]);
  });
});

describe("a message whose handling throws", () => {
  it("is given back, longer each time, and comes again", async () => {
    await send("hard");
    const released: number[] = [];
    const queue: Queue = {
      ...world.ports.queue,
      release: async (name, receipt, delayMs) => {
        released.push(delayMs);
        await world.ports.queue.release(name, receipt, 0);
      },
    };
    let tries = 0;
    const loop = start(
      async () => {
        if (++tries < 3) throw new Error("not yet");
      },
      { ports: { queue } },
    );
    await vi.waitFor(() => expect(tries).toBe(3), { timeout: 10_000 });
    await loop.end();
    expect(released).toEqual([1_000, 2_000]);
    expect(await depths()).toEqual({ waiting: 0, inFlight: 0 });
  });

  it("is given back even when that fails: its visibility brings it back", async () => {
    await send("hard");
    const queue: Queue = {
      ...world.ports.queue,
      release: () => Promise.reject(new Error("the queue is down")),
    };
    let tries = 0;
    const loop = start(
      async () => {
        if (++tries === 1) throw new Error("not yet");
      },
      { ports: { queue } },
    );
    await vi.waitFor(() => expect(tries).toBe(2), { timeout: 10_000 });
    await loop.end();
  });
});

/** A loop over answers of the test's own; `sleeps` are its rests, without those between two renewals, and take no time. */
function scripted(
  answers: (() => Promise<Message[]>)[],
  handle: (message: Message) => Promise<Handled | void> = async () => {},
  vitals = createVitals(systemClock),
) {
  const sleeps: number[] = [];
  const finished = Promise.withResolvers<void>();
  const queue: Queue = {
    ...world.ports.queue,
    release: async () => {},
    acknowledge: async () => {},
    receive: async (_name, { signal }) => {
      const next = answers.shift();
      if (next) return await next();
      finished.resolve();
      await new Promise((resolve) =>
        signal!.aborted ? resolve(null) : signal!.addEventListener("abort", resolve),
      );
      return [];
    },
  };
  let nowMs = 0;
  const clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      if (ms === renewalMs) return await systemClock.sleep(ms, signal);
      sleeps.push(ms);
      nowMs += ms;
    },
  };
  const { end } = start(handle, { ports: { clock, queue }, atOnce: 1, vitals });
  return { sleeps, finished: finished.promise, end };
}

const message = (body: string): Message => ({
  id: body,
  receipt: body,
  body,
  receiveCount: 1,
  attributes: {},
});
const [down, none] = [() => Promise.reject(new Error("the queue is down")), async () => []];

describe("faults in a row", () => {
  const handle = async ({ body }: Message) => {
    if (body.startsWith("bad")) throw new Error("no");
    return body.startsWith("put off") ? "fault" : body === "taken" ? "neither" : "well";
  };
  const gives = (body: string) => async () => [message(body)];
  const restsOf = async (...answers: Parameters<typeof scripted>[0]) => {
    const { sleeps, finished, end } = scripted(answers, handle);
    await finished;
    await end();
    return sleeps;
  };

  it.each(["bad", "put off"])(
    "(%s) slow the loop down from the third on, twice as long each time up to 30 seconds",
    async (how) => {
      const sleeps = await restsOf(...Array.from({ length: 12 }, (_, n) => gives(`${how} ${n}`)));
      expect(sleeps.slice(0, 9)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    },
  );

  it("two of them do not, nor three with one message handled well between", async () => {
    expect(await restsOf(...["bad 1", "bad 2", "good", "bad 3", "put off 4", "good"].map(gives))).toEqual([]);
  });

  it("of one message do not, however often it comes: it may be the message", async () => {
    expect(await restsOf(...["bad", "bad", "bad", "bad", "put off", "good"].map(gives))).toEqual([]);
  });

  it("go on over a message that somebody else has", async () => {
    const bodies = ["put off 1", "put off 2", "taken", "put off 3", "taken", "good", "good"];
    expect(await restsOf(...bodies.map(gives))).toEqual([250, 500, 500]); // the second ends at once in truth: it does not count
  });

  it("grow with what is tried, not with looks that bring nothing", async () => {
    const bad = ["bad 1", "bad 2", "bad 3"].map(gives);
    const sleeps = await restsOf(...bad, none, none, none, none, gives("bad 4"), gives("good"));
    expect(sleeps).toEqual([250, 500, 1_000]); // the last one ends at once in truth
  });

  it("are forgotten with the first message that is handled well", async () => {
    const bodies = ["bad 1", "bad 2", "bad 3", "good", "bad 4", "bad 5", "good"];
    expect(await restsOf(...bodies.map(gives))).toEqual([250, 500]); // of which the second ends at once in truth
  });

  it("do not let a worker rest over each of many messages that somebody else has", async () => {
    const bodies = ["bad 1", "bad 2", "bad 3", ...Array.from({ length: 50 }, () => "taken"), "good"];
    const queue: Queue = {
      ...world.ports.queue,
      release: async () => {},
      acknowledge: async () => {},
      receive: async (_name, { signal }) => {
        const body = bodies.shift();
        if (body) return [message(body)];
        return await new Promise((resolve) => signal!.addEventListener("abort", () => resolve([])));
      },
    };
    const good = Promise.withResolvers<void>();
    const inTurn = async (one: Message) => {
      if (one.body === "good") good.resolve();
      return await handle(one);
    };
    const loop = start(inTurn, { ports: { queue }, atOnce: 1 });
    await good.promise; // within half a second; with a rest for each it would be half an hour
    await loop.end();
  });

  it("let one message at a time be taken, until one is handled well", async () => {
    const asked: number[] = [];
    const bodies = ["bad 1", "bad 2", "bad 3", "bad 4", "bad 5", "good"];
    const queue: Queue = {
      ...world.ports.queue,
      release: async () => {},
      acknowledge: async () => {},
      receive: async (_name, { max, waitMs, signal }) => {
        if (waitMs > 0)
          return await new Promise((resolve) => signal!.addEventListener("abort", () => resolve([])));
        await new Promise((resolve) => setImmediate(resolve)); // what was taken before is done
        const body = bodies.shift();
        if (body) asked.push(max);
        return body ? [message(body)] : [];
      },
    };
    const sleep = async (ms: number, signal?: AbortSignal) =>
      ms === renewalMs ? systemClock.sleep(ms, signal) : undefined;
    const clock = { ...systemClock, sleep };
    const taken: string[] = [];
    const inTurn = async (one: Message) => (taken.push(one.body), await handle(one));
    const loop = start(inTurn, { ports: { clock, queue }, atOnce: 8 });
    await vi.waitFor(() => expect(taken).toHaveLength(6));
    await loop.end();
    expect(asked.slice(0, 3).every((most) => most > 1)).toBe(true);
    expect(asked.slice(4)).toEqual([1, 1]); // the fourth was asked for while the third was in hand
  });

  it("an outage of the queue is ridden out, and over with its first answer, empty or not", async () => {
    expect(await restsOf(down, down, down, down, none, none, none, down, down, none)).toEqual([250, 500]);
  });
});

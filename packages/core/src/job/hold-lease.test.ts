import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  lapse,
  query,
  receive,
  rowOf,
  type SteppedClock,
  steppedClock,
} from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../ports/database.ts";
import { type Claim, claimDocument } from "./claim-document.ts";
import { holdLease, LeaseLost } from "./hold-lease.ts";
import { releaseDocument } from "./release-document.ts";
import type { Doorbell } from "./ring-doorbell.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const [beatMs, leaseMs] = [10_000, 45_000];

async function claimed(): Promise<{ bell: Doorbell; claim: Claim }> {
  const bell = await receive(world, world.dora, [randomBytes(50)]);
  return { bell, claim: (await claimDocument(world.ports, bell, "worker:holder"))! };
}

/** Work that lasts until the test ends it, or its lease is lost. */
function holding(claim: Claim, clock: SteppedClock, database: Database = world.ports.database) {
  const end = Promise.withResolvers<string>();
  const started = Promise.withResolvers<AbortSignal>();
  const held = holdLease({ ...world.ports, clock, database }, claim, async (signal) => {
    started.resolve(signal);
    return await Promise.race([
      end.promise,
      once(signal, "abort").then(() => Promise.reject(signal.reason as Error)),
    ]);
  });
  held.catch(() => {}); // judged by the test
  return { held, signal: started.promise, end: () => end.resolve("done") };
}

async function beatOnce(clock: SteppedClock): Promise<void> {
  clock.pass(beatMs);
  await clock.asleep(beatMs);
}

const leaseOf = async (bell: Doorbell) => (await rowOf(world, bell))["lease_until"] as Date;

describe("a lease", () => {
  it("is renewed by a beat every 10 seconds while the work lasts, and not after it", async () => {
    const { bell, claim } = await claimed();
    const clock = steppedClock();
    const { held, end } = holding(claim, clock);
    const ends: Date[] = [await leaseOf(bell)];
    for (let beat = 0; beat < 3; beat += 1) {
      await lapse(world, bell, -1_000);
      await beatOnce(clock);
      ends.push(await leaseOf(bell));
    }
    expect(ends).toEqual(ends.toSorted((a, b) => a.getTime() - b.getTime()));
    expect(new Set(ends.map(Number)).size).toBe(4);
    end();
    expect(await held).toBe("done");
    const last = await leaseOf(bell);
    clock.pass(beatMs);
    expect(await leaseOf(bell)).toEqual(last);
  });

  it("is not renewed one millisecond before its beat", async () => {
    const { bell, claim } = await claimed();
    const clock = steppedClock();
    const { held, end } = holding(claim, clock);
    const before = await leaseOf(bell);
    clock.pass(beatMs - 1);
    await clock.asleep(beatMs);
    expect(await leaseOf(bell)).toEqual(before);
    end();
    await held;
  });

  it("that lapsed, but that nobody took, is taken up again by the next beat", async () => {
    const { bell, claim } = await claimed();
    const clock = steppedClock();
    const { held, end } = holding(claim, clock);
    await lapse(world, bell, 5_000);
    await beatOnce(clock);
    expect((await leaseOf(bell)).getTime()).toBeGreaterThan(Date.now());
    end();
    await held;
  });

  it("that went to a rescuer is lost: the work is told so, and the rescuer's lease is left alone", async () => {
    const { bell, claim } = await claimed();
    const clock = steppedClock();
    const { held, signal } = holding(claim, clock);
    await lapse(world, bell);
    await claimDocument(world.ports, bell, "worker:rescuer");
    const before = await rowOf(world, bell);
    clock.pass(beatMs);
    await expect(held).rejects.toThrow(LeaseLost);
    expect((await signal).reason).toBeInstanceOf(LeaseLost);
    expect(await rowOf(world, bell)).toEqual(before);
  });

  it("on a document that was settled meanwhile is lost", async () => {
    const { bell, claim } = await claimed();
    const clock = steppedClock();
    const { held } = holding(claim, clock);
    await query(world, "update document set state = 'stored', lease_until = null where id = $1", [
      bell.documentId,
    ]);
    clock.pass(beatMs);
    await expect(held).rejects.toThrow(LeaseLost);
  });

  it("that its worker gave back is not taken up again by a late beat", async () => {
    const { bell, claim } = await claimed();
    const clock = steppedClock();
    const { held } = holding(claim, clock);
    await releaseDocument(world.ports, claim);
    clock.pass(beatMs);
    await expect(held).rejects.toThrow(LeaseLost);
    expect(await rowOf(world, bell)).toMatchObject({ lease_until: null, claims: 0 });
  });
});

describe("an outage of the database", () => {
  const down: Database["inOneTrip"] = async () => {
    throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  };

  it("is ridden out when it is shorter than the lease", async () => {
    const { bell, claim } = await claimed();
    const clock = steppedClock();
    let isDown = true;
    const inOneTrip: Database["inOneTrip"] = (...args) =>
      isDown ? down(...args) : world.ports.database.inOneTrip(...args);
    const { held, signal, end } = holding(claim, clock, { ...world.ports.database, inOneTrip });
    const before = await leaseOf(bell);
    for (let beat = 0; beat < 4; beat += 1) await beatOnce(clock);
    isDown = false;
    await beatOnce(clock);
    expect(await leaseOf(bell)).not.toEqual(before);
    expect((await signal).aborted).toBe(false);
    end();
    expect(await held).toBe("done");
  });

  it("that lasts longer than a lease counts as a lost lease", async () => {
    const { claim } = await claimed();
    const clock = steppedClock();
    const { held, signal } = holding(claim, clock, { ...world.ports.database, inOneTrip: down });
    for (let ms = beatMs; ms <= leaseMs; ms += beatMs) await beatOnce(clock);
    expect((await signal).aborted).toBe(false);
    clock.pass(beatMs);
    await expect(held).rejects.toThrow(LeaseLost);
  });

  it("in which the database answers nothing at all counts as a lost lease too, and keeps nobody waiting", async () => {
    const { claim } = await claimed();
    const clock = steppedClock();
    const inOneTrip: Database["inOneTrip"] = () => new Promise(() => {});
    const { held, signal } = holding(claim, clock, { ...world.ports.database, inOneTrip });
    clock.pass(beatMs);
    for (const ms of [leaseMs / 3, beatMs]) {
      await clock.asleep(ms);
      clock.pass(ms);
    }
    await clock.asleep(leaseMs / 3);
    expect((await signal).aborted).toBe(false);
    clock.pass(leaseMs / 3);
    await expect(held).rejects.toThrow(LeaseLost);
  });
});

it("the work's own failure passes through, after the last beat has come to rest", async () => {
  const { claim } = await claimed();
  await expect(
    holdLease({ ...world.ports, clock: steppedClock() }, claim, () =>
      Promise.reject(new Error("out of ink")),
    ),
  ).rejects.toThrow("out of ink");
});

import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { lapse, query, receive, rowOf } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { dividePeriods } from "../config.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Claim, claimDocument } from "./claim-document.ts";
import { backoffMs, releaseDocument, retryDocument } from "./release-document.ts";
import { Doorbell } from "./ring-doorbell.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld({ maxRetries: 3 })));
afterAll(() => world.close());

const fault = new Error("the vault is down");

async function claimed(): Promise<{ bell: Doorbell; claim: Claim }> {
  const bell = await receive(world, world.dora, [randomBytes(50)]);
  await drain(bell);
  return { bell, claim: (await claimDocument(world.ports, bell, "worker:one"))! };
}

/** Takes every visible bell from the queue, and answers those of one document: others' delayed ones come when they come. */
async function drain(of: Doorbell): Promise<Doorbell[]> {
  const taken: Doorbell[] = [];
  for (;;) {
    const messages = await world.ports.queue.receive("documents", {
      max: 10,
      waitMs: 0,
      visibilityMs: 60_000,
    });
    if (messages.length === 0) return taken.filter(({ documentId }) => documentId === of.documentId);
    for (const message of messages) {
      taken.push(Doorbell.parse(JSON.parse(message.body)));
      await world.ports.queue.acknowledge("documents", message.receipt);
    }
  }
}

async function stolen(): Promise<{ bell: Doorbell; zombie: Claim; before: object }> {
  const { bell, claim: zombie } = await claimed();
  await lapse(world, bell);
  await claimDocument(world.ports, bell, "worker:rescuer");
  return { bell, zombie, before: await rowOf(world, bell) };
}

describe("a document that is given back", () => {
  it("is claimable at once, rung for at once, and nobody's fault", async () => {
    const { bell, claim } = await claimed();
    await releaseDocument(world.ports, claim);
    expect(await rowOf(world, bell)).toMatchObject({
      state: "processing",
      lease_until: null,
      retry_at: null,
      claims: 0,
      retries: 0,
      decode_crashes: 0,
    });
    expect(await drain(bell)).toEqual([bell]);
    expect(await claimDocument(world.ports, bell, "worker:two")).not.toBeNull();
  });

  it("is left alone when another worker has it by now, and nobody rings", async () => {
    const { bell, zombie, before } = await stolen();
    await releaseDocument(world.ports, zombie);
    expect(await rowOf(world, bell)).toEqual(before);
    expect(await drain(bell)).toEqual([]);
  });
});

describe("a document that met a fault of ours", () => {
  it("is put off, the try is counted, and it is rung for when its time comes", async () => {
    const { bell, claim } = await claimed();
    const random = () => new Uint8Array([255, 255, 255, 255]);
    expect(await retryDocument({ ...world.ports, ids: { ...world.ports.ids, random } }, claim, fault)).toBe(
      "retried",
    );
    const row = await rowOf(world, bell);
    expect(row).toMatchObject({ state: "processing", lease_until: null, retries: 1, claims: 0 });
    expect((row["retry_at"] as Date).getTime() - (row["changed_at"] as Date).getTime()).toBeCloseTo(
      1_000,
      -1,
    );
    expect(await drain(bell)).toEqual([]);
    expect(
      await world.ports.queue.receive("documents", { max: 1, waitMs: 3_000, visibilityMs: 1_000 }),
    ).toHaveLength(1);
    expect(await claimDocument(world.ports, bell, "worker:two")).not.toBeNull();
  });

  it("is failed at the last try: kept, with reason, plain words, an event and an entry in the audit trail", async () => {
    const { bell, claim } = await claimed();
    const outcomes: string[] = [];
    for (let current: Claim | null = claim; current;) {
      outcomes.push(await retryDocument(world.ports, current, fault));
      await query(world, "update document set retry_at = null where id = $1", [bell.documentId]);
      current = await claimDocument(world.ports, bell, "worker:again");
    }
    expect(outcomes).toEqual(["retried", "retried", "failed"]);
    const row = await rowOf(world, bell);
    expect(row).toMatchObject({
      state: "failed",
      reason: "processing_failed",
      retries: 2,
      version: 3,
      lease_until: null,
    });
    expect(row["detail"]).toMatch(/keep the photo/i);
    expect(row["settled_at"]).toBeInstanceOf(Date);
    const events = await query(
      world,
      "select version, data from outbox where document_id = $1 and type = 'document.failed'",
      [bell.documentId],
    );
    expect(events).toEqual([
      { version: 3, data: { ownerId: world.dora.userId, reason: "processing_failed" } },
    ]);
    const audit = await query(
      world,
      "select actor from audit where subject = $1 and action = 'document.failed'",
      [bell.documentId],
    );
    expect(audit).toEqual([{ actor: "system:processor" }]);
  });

  it.each([0, 2])("is left alone after %i tries when another worker has it by now", async (retries) => {
    const { bell, zombie, before } = await stolen();
    const claim = { ...zombie, document: { ...zombie.document, retries } };
    expect(await retryDocument(world.ports, claim, fault)).toBe("lost");
    expect(await rowOf(world, bell)).toEqual(before);
    expect(await drain(bell)).toEqual([]);
    expect(
      await query(world, "select type from outbox where document_id = $1 and version > 2", [bell.documentId]),
    ).toEqual([]);
  });

  it("is retried even when the bell cannot be rung: the reconciler rings it", async () => {
    const { bell, claim } = await claimed();
    const queue = { ...world.ports.queue, send: () => Promise.reject(new Error("the queue is down")) };
    expect(await retryDocument({ ...world.ports, queue }, claim, fault)).toBe("retried");
    expect(await rowOf(world, bell)).toMatchObject({ retries: 1 });
  });
});

describe("the wait before a try", () => {
  it("is drawn from the whole range, which doubles each time up to the cap", () => {
    const periods = { retryBase: 1_000, retryCap: 60_000 };
    expect([0, 1, 2, 5, 6, 30].map((retries) => backoffMs(retries, periods, 1 - 2 ** -32))).toEqual([
      1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
    ]);
    expect(backoffMs(5, periods, 0)).toBe(0);
    expect(backoffMs(5, periods, 0.5)).toBe(16_000);
  });

  it("is shortened with all other periods, so that proofs keep its ratio to a lease", () => {
    expect(backoffMs(3, dividePeriods(10), 0.5)).toBe(backoffMs(3, dividePeriods(1), 0.5) / 10);
  });

  it("never passes its cap, however often was tried", () => {
    const anyTry = [
      fc.nat(2_000),
      fc.integer({ min: 1, max: 900_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    ] as const;
    fc.assert(
      fc.property(...anyTry, (retries, capMs, random) => {
        const ms = backoffMs(retries, { retryBase: 1_000, retryCap: capMs }, random);
        return Number.isInteger(ms) && ms >= 0 && ms <= capMs;
      }),
    );
  });
});

import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ConsumedRecord, Stream, StreamRecord } from "../ports/stream.ts";
import { follow } from "./stream-follower.ts";

/** Two adapters on one log, as two processes would have them. */
export type StreamUnderTest = { stream: Stream; other: Stream; close(): Promise<void> };

/** `limitMs`: limit of one test, with several joins and leaves of group members in it. */
export type StreamTiming = { limitMs: number };

/** Everything that an adapter of the stream port does when nothing goes wrong. */
export function streamContract(
  name: string,
  open: () => Promise<StreamUnderTest>,
  { limitMs }: StreamTiming = { limitMs: 20_000 },
): void {
  describe(`the stream contract: ${name}`, { timeout: limitMs }, () => {
    let under: StreamUnderTest;
    let stream: Stream;
    beforeAll(async () => {
      under = await open();
      stream = under.stream;
    }, limitMs);
    afterAll(() => under.close(), limitMs);

    test("records of a key arrive whole and in order", async () => {
      const facts = versions(randomUUID(), 20).map((fact, index) => ({
        ...fact,
        headers: { "trace-é": `${index}` },
      }));
      await published(stream, facts.slice(0, 10));
      const member = follow(under.other, randomUUID(), ["documents"]);
      await member.until((handled) => of(handled, facts).length >= 10);
      await published(stream, facts.slice(10));
      await member.until((handled) => of(handled, facts).length >= 20);
      await member.leave();
      const arrived = of(member.handled, facts);
      expect(arrived.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(facts);
      expect(new Set(arrived.map((record) => `${record.topic}/${record.partition}`)).size).toBe(1);
      const offsets = arrived.map((record) => BigInt(record.offset));
      expect(offsets.every((offset, index) => index === 0 || offset > offsets[index - 1]!)).toBe(true);
    });

    test("every group gets every record, of each of its topics and of no other", async () => {
      const facts = versions(randomUUID(), 3);
      await published(stream, facts, "documents");
      await published(stream, facts, "audit");
      const both = follow(stream, randomUUID(), ["documents", "users"]);
      const second = follow(stream, randomUUID(), ["documents"]);
      await published(stream, facts, "users");
      await both.until((handled) => of(handled, facts).length >= 6);
      await second.until((handled) => of(handled, facts).length >= 3);
      await both.leave();
      await second.leave();
      const countOf = (topic: string) =>
        of(both.handled, facts).filter((record) => record.topic === topic).length;
      expect([countOf("documents"), countOf("users"), countOf("audit")]).toEqual([3, 3, 0]);
      expect(of(second.handled, facts)).toHaveLength(3);
    });

    test("a record that cannot be handled comes again and holds up its own partition alone", async () => {
      const keys = Array.from({ length: 40 }, () => randomUUID());
      const facts = keys.flatMap((key) => versions(key, 2));
      await published(stream, facts);
      const scout = follow(stream, randomUUID(), ["documents"]);
      await scout.until((handled) => of(handled, facts).length >= facts.length);
      await scout.leave();
      const poison = of(scout.handled, facts)[0]!;
      const elsewhere = of(scout.handled, facts).filter((record) => record.partition !== poison.partition);

      let mended = false;
      const member = follow(stream, randomUUID(), ["documents"], async (record) => {
        if (record.key === poison.key && !mended) throw new Error("not today");
      });
      await member.until(
        (handled) =>
          of(handled, facts).filter((r) => r.partition !== poison.partition).length >= elsewhere.length,
      );
      expect(member.handled.filter((record) => record.key === poison.key)).toEqual([]);
      mended = true;
      await member.until((handled) => of(handled, facts).length >= facts.length);
      await member.leave();
      expect(
        member.handled.filter((record) => record.key === poison.key).map((record) => record.value),
      ).toEqual(versions(poison.key, 2).map((fact) => fact.value));
    });

    test("a group goes on where it stopped", async () => {
      const [group, key] = [randomUUID(), randomUUID()];
      const facts = versions(key, 5);
      await published(stream, facts.slice(0, 3));
      const first = follow(stream, group, ["documents"]);
      await first.until((handled) => of(handled, facts).length >= 3);
      await first.leave();
      await published(stream, facts.slice(3));
      const second = follow(under.other, group, ["documents"]);
      await second.until((handled) => of(handled, facts).length >= 2);
      await second.leave();
      expect(of(second.handled, facts).map((record) => record.value)).toEqual(
        facts.slice(3).map((fact) => fact.value),
      );
    });

    test("members share the partitions, one record at a time in each, and take over from one that leaves", async () => {
      const group = randomUUID();
      const deliveries: ConsumedRecord[] = [];
      let overlaps = 0;
      const oneAtATime = () => {
        const busy = new Set<number>();
        return async (record: ConsumedRecord) => {
          if (busy.has(record.partition)) overlaps++;
          busy.add(record.partition);
          deliveries.push(record);
          await new Promise((resolve) => setImmediate(resolve));
          busy.delete(record.partition);
        };
      };
      const members = [
        follow(stream, group, ["users"], oneAtATime()),
        follow(under.other, group, ["users"], oneAtATime()),
      ] as const;
      const facts: StreamRecord[] = [];
      const more = async () => {
        const next = Array.from({ length: 32 }, () => versions(randomUUID(), 2)).flat();
        facts.push(...next);
        await published(stream, next, "users");
        await expect.poll(() => distinct(of(deliveries, facts)), { timeout: limitMs }).toBe(facts.length);
      };
      while (members.some((member) => of(member.handled, facts).length === 0)) await more();
      await members[0].leave();
      await more();
      await members[1].leave();
      expect(overlaps).toBe(0);
      expect(firstDeliveriesInOrder(deliveries)).toBe(true);
    });

    test("a record that the log refuses stops the later ones of its key, and no others", async () => {
      const [key, other] = [randomUUID(), randomUUID()];
      const [before, tooLong, after] = versions(key, 3) as [StreamRecord, StreamRecord, StreamRecord];
      tooLong.value = JSON.stringify(randomBytes(1_000_000).toString("hex"));
      const facts = [before, ...versions(other, 1), tooLong, after, ...versions(randomUUID(), 1)];
      const outcomes = await stream.publish("audit", facts);
      expect(outcomes.map((outcome) => outcome.acknowledged)).toEqual([true, true, false, false, true]);
      expect(outcomes[2]!.error).toBeInstanceOf(Error);
      expect(outcomes[3]!.error).toBeInstanceOf(Error);
      await published(stream, [after], "audit");
      const member = follow(stream, randomUUID(), ["audit"]);
      await member.until((handled) => of(handled, facts).length >= 4);
      await member.leave();
      const values = member.handled.filter((record) => record.key === key).map((record) => record.value);
      expect(values).toEqual([before.value, after.value]);
    });

    test("the lag of a group counts what it has not committed", async () => {
      const group = randomUUID();
      const before = await stream.lag(group, "documents");
      await published(stream, versions(randomUUID(), 4));
      expect(await stream.lag(group, "documents")).toBe(before + 4);
      const member = follow(stream, group, ["documents"]);
      await expect.poll(() => stream.lag(group, "documents"), { timeout: limitMs }).toBe(0);
      await member.leave();
      expect(await stream.lag(randomUUID(), "documents")).toBe(before + 4);
    });

    test("the lag of a member counts the partitions that it holds", async () => {
      const group = randomUUID();
      const own = { own: true };
      let gate = Promise.resolve();
      await published(stream, versions(randomUUID(), 2));
      expect(await stream.lag(group, "documents", own)).toBe(await stream.lag(group, "documents"));
      const stuck = follow(stream, group, ["documents"], () => gate);
      const idle = follow(under.other, group, ["documents"]);
      const more = () =>
        published(stream, Array.from({ length: 40 }, () => versions(randomUUID(), 1)).flat());
      while ([stuck, idle].some(({ handled }) => handled.length === 0)) await more();
      const closed = Promise.withResolvers<void>();
      gate = closed.promise;
      await more();
      await expect.poll(() => under.other.lag(group, "documents", own), { timeout: limitMs }).toBe(0);
      const all = await stream.lag(group, "documents");
      expect(all).toBeGreaterThan(0);
      expect(await stream.lag(group, "documents", own)).toBe(all);
      closed.resolve();
      await expect.poll(() => stream.lag(group, "documents"), { timeout: limitMs }).toBe(0);
      await Promise.all([stuck.leave(), idle.leave()]);
    });

    test("publishing nothing is answered with nothing", async () => {
      expect(await stream.publish("documents", [])).toEqual([]);
    });
  });
}

/** What remains promised when records are doubled and delayed, keys are mixed, and answers are lost. */
export function streamGuarantees(
  name: string,
  open: () => Promise<StreamUnderTest>,
  { limitMs }: StreamTiming = { limitMs: 30_000 },
): void {
  test(
    `nothing is lost and first deliveries keep their order per key: ${name}`,
    { timeout: limitMs },
    async () => {
      const { stream, other, close } = await open();
      const group = randomUUID();
      const keys = Array.from({ length: 24 }, () => randomUUID());
      const facts = keys.flatMap((key) => versions(key, 6));
      const deliveries: ConsumedRecord[] = [];
      const remember = async (record: ConsumedRecord) => void deliveries.push(record);
      const [staying, leaving] = [
        follow(stream, group, ["documents"], remember),
        follow(other, group, ["documents"], remember),
      ];
      await insistOn(stream, facts.slice(0, facts.length / 2));
      await leaving.leave();
      await insistOn(stream, facts.slice(facts.length / 2));
      await expect.poll(() => distinct(deliveries), { timeout: limitMs }).toBe(facts.length);
      await staying.leave();
      expect(firstDeliveriesInOrder(deliveries)).toBe(true);
      await close();
    },
  );
}

/** Publishes as a relay does: what was not acknowledged is published again, in order. */
async function insistOn(stream: Stream, facts: StreamRecord[]): Promise<void> {
  for (let left = facts; left.length > 0;) {
    const outcomes = await stream.publish("documents", left);
    left = left.filter((_, index) => !outcomes[index]!.acknowledged);
  }
}

async function published(
  stream: Stream,
  facts: StreamRecord[],
  topic: "documents" | "users" | "audit" = "documents",
) {
  const outcomes = await stream.publish(topic, facts);
  expect(outcomes.map((outcome) => outcome.acknowledged)).toEqual(facts.map(() => true));
}

const versions = (key: string, count: number): StreamRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    key,
    value: JSON.stringify({ version: index + 1, text: "ü 🚚" }),
    headers: {},
  }));

function of(handled: ConsumedRecord[], facts: StreamRecord[]): ConsumedRecord[] {
  const keys = new Set(facts.map((fact) => fact.key));
  return handled.filter((record) => keys.has(record.key));
}

const distinct = (records: ConsumedRecord[]): number =>
  new Set(records.map((record) => `${record.key} ${record.value}`)).size;

function firstDeliveriesInOrder(records: ConsumedRecord[]): boolean {
  const last = new Map<string, number>();
  for (const { key, value } of records) {
    const { version } = JSON.parse(value) as { version: number };
    const seen = last.get(key) ?? 0;
    if (version > seen + 1) return false;
    last.set(key, Math.max(seen, version));
  }
  return true;
}

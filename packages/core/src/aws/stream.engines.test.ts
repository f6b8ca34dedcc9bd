import { Admin } from "@platformatic/kafka";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { kafkaBroker } from "@strongroom/local/engines/kafka";
import { expect, test } from "vitest";
import { follow } from "../contract/stream-follower.ts";
import { streamContract, streamGuarantees } from "../contract/stream.ts";
import { type LogFields, silentLog } from "../log.ts";
import type { StreamRecord } from "../ports/stream.ts";
import { clientOptions } from "./stream-connection.ts";
import { observerOf, readOffsets } from "./stream-offsets.ts";
import { openStreams, ownTopics, sessionMs } from "./stream-testbed.ts";
import { createKafkaStream } from "./stream.ts";

const timing = { limitMs: 60_000 };
const limit = { timeout: timing.limitMs };
const fact = (key: string, version: number): StreamRecord => ({
  key,
  value: JSON.stringify({ version }),
  headers: {},
});
const facts = (key: string, count: number) =>
  Array.from({ length: count }, (_, index) => fact(key, index + 1));

describeWith(kafkaBroker, (kafka) => {
  const open = () => openStreams(kafka().bootstrap);
  streamContract("Kafka", open, timing);
  streamGuarantees("Kafka, while members come and go", open, timing);

  test("a record of 1,000,000 bytes is taken, key and headers counted, and one byte more is not", async () => {
    const { stream, close } = await open();
    const ofBytes = (bytes: number): StreamRecord => ({
      key: "k",
      value: "x".repeat(bytes - 3),
      headers: { h: "1" },
    });
    const outcomes = await stream.publish("documents", [ofBytes(1_000_000)]);
    expect(outcomes).toEqual([{ acknowledged: true }]);
    const [refused] = await stream.publish("documents", [ofBytes(1_000_001)]);
    expect(refused!.error).toBeInstanceOf(RangeError);
    await close();
  });

  test("records that the broker itself refuses are told apart from those that were sent along with them", async () => {
    const connection = await ownTopics(kafka().bootstrap, 1, { "max.message.bytes": "10000" });
    const stream = createKafkaStream({ connection, log: silentLog, sessionMs });
    const tooLong: StreamRecord = { ...fact("b", 1), value: "x".repeat(20_000) };
    const outcomes = await stream.publish("documents", [fact("a", 1), tooLong, fact("b", 2), fact("a", 2)]);
    expect(outcomes.map(({ acknowledged }) => acknowledged)).toEqual([true, false, false, true]);
    await stream.close();
  });

  test(
    "nothing is acknowledged while the broker is gone, and what was not is taken when it is back",
    limit,
    async () => {
      const { stream, close } = await open();
      await stream.publish("documents", [fact("a", 1)]);
      await kafka().kill();
      const outcomes = await stream.publish("documents", [fact("a", 2), fact("b", 1)]);
      expect(outcomes.map(({ acknowledged, error }) => [acknowledged, error instanceof Error])).toEqual([
        [false, true],
        [false, true],
      ]);
      await kafka().restart();
      const again = async () => (await stream.publish("documents", [fact("a", 2)]))[0]!.acknowledged;
      await expect.poll(again, { timeout: timing.limitMs }).toBe(true);
      await close();
    },
  );

  test(
    "a group that handles nothing has committed where it begins, in every partition, empty ones too",
    limit,
    async () => {
      const connection = await ownTopics(kafka().bootstrap, 3);
      const stream = createKafkaStream({ connection, log: silentLog, sessionMs });
      await stream.publish("documents", facts("a", 3));
      const gate = Promise.withResolvers<void>();
      const stuck = follow(stream, "stuck", ["documents"], () => gate.promise);
      const observer = observerOf(connection, "stuck");
      const commits = async () => (await readOffsets(observer, `${connection.prefix}documents`)).commits;
      await expect.poll(commits, { timeout: timing.limitMs / 2 }).toEqual([0n, 0n, 0n]);
      expect(await stream.lag("stuck", "documents")).toBe(3);
      gate.resolve();
      await stuck.until((handled) => handled.length === 3);
      await stuck.leave();
      expect((await commits()).toSorted((one, other) => Number(one - other))).toEqual([0n, 0n, 3n]);
      await observer.close();
      await stream.close();
    },
  );

  test("what retention took before a group came to it is skipped, and told", limit, async () => {
    const connection = await ownTopics(kafka().bootstrap, 1);
    const told: LogFields[] = [];
    const error = (event: string, fields: LogFields = {}) => void told.push({ event, ...fields });
    const stream = createKafkaStream({ connection, log: { ...silentLog, error }, sessionMs });
    const [gate, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await stream.publish("documents", facts("a", 500)); // as many as a member takes in hand
    const slow = follow(stream, "slow", ["documents"], () => {
      begun.resolve();
      return gate.promise;
    });
    await begun.promise;
    await stream.publish("documents", facts("b", 10));
    await expire(connection, 505n);
    gate.resolve();
    await slow.until((handled) => handled.length >= 505);
    await slow.leave();
    expect(slow.handled.slice(-6).map(({ offset }) => Number(offset))).toEqual([
      499, 505, 506, 507, 508, 509,
    ]);

    await stream.publish("documents", facts("c", 10));
    await expire(connection, 515n);
    const late = follow(stream, "slow", ["documents"]);
    await late.until((handled) => handled.length >= 5);
    await late.leave();
    expect(told.map(({ from, to }) => [from, to])).toEqual([
      ["500", "505"],
      ["510", "515"],
    ]);
    await stream.close();
  });

  /** Lets the only partition of the documents topic forget what is before an offset, as retention does. */
  async function expire(connection: Awaited<ReturnType<typeof ownTopics>>, offset: bigint): Promise<void> {
    const admin = new Admin(clientOptions(connection, "admin"));
    await admin.deleteRecords({
      topics: [{ name: `${connection.prefix}documents`, partitions: [{ partition: 0, offset }] }],
    });
    await admin.close();
  }
});

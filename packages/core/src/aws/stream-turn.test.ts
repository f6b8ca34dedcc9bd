import type { Consumer } from "@platformatic/kafka";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { silentLog } from "../log.ts";
import type { Member } from "./stream-member.ts";
import { Turn } from "./stream-turn.ts";

/** The turn of a member of which the group has committed `commits`, and no record comes. */
function turnWith(commits: bigint[]) {
  const offsets = Promise.withResolvers<void>();
  const hanging = Promise.withResolvers<never>();
  const committed: string[] = [];
  const consumer = {
    generationId: 7,
    assignments: [{ topic: "x.documents", partitions: [0, 1, 2] }],
    listOffsets: async () => new Map([["x.documents", commits.map(() => 5n)]]),
    listCommittedOffsets: async () => (await offsets.promise, new Map([["x.documents", commits]])),
    commit: async (options: { offsets: { partition: number; offset: bigint }[] }) =>
      void committed.push(...options.offsets.map(({ partition, offset }) => `${partition}: ${offset}`)),
    metadata: () => hanging.promise,
  };
  const held: Member["held"] = { group: "g", partitions: null };
  const member = { connection: { prefix: "x." }, log: silentLog, group: "g", topics: ["documents"], held };
  const options = { clientId: "test", bootstrapBrokers: ["127.0.0.1:1"] };
  const seat = { member, consumer: consumer as unknown as Consumer, options, fail: () => {} };
  const turn = new Turn(seat as unknown as ConstructorParameters<typeof Turn>[0]);
  const begin = async () => {
    offsets.resolve();
    while (held.partitions === null) await setImmediate();
    await setImmediate();
  };
  return { consumer, committed, begin, end: () => turn.end(0) };
}

it("commits where it begins in partitions without a commit, and in none that the cluster does not show yet", async () => {
  const { committed, begin, end } = turnWith([-1n, 9n]);
  await begin();
  expect(committed).toEqual(["0: 5"]);
  await end();
});

it("commits nothing of its own in another generation of the group", async () => {
  const { consumer, committed, begin, end } = turnWith([-1n, -1n, -1n]);
  consumer.generationId = 8;
  await begin();
  expect(committed).toEqual([]);
  await end();
});

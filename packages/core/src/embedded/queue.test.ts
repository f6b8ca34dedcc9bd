import { prepareTestServer, testServer } from "@strongroom/local/test-server";
import { testDatabase } from "@strongroom/local/test-database";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { queueContract, queueGuarantees } from "../contract/queue.ts";
import type { Faults } from "./faults.ts";
import { queueStatements } from "./queue-statements.ts";
import { createEmbeddedQueue } from "./queue.ts";

async function openQueue(faults?: Faults) {
  const database = await testDatabase();
  const { embedded: connection } = database.connections;
  const queue = await createEmbeddedQueue({ connection, maxReceives: 3, ...(faults ? { faults } : {}) });
  const close = async () => {
    await queue.close();
    await database.drop();
  };
  return { queue, connection, maxReceives: 3, close };
}

const hostile: Faults = { random: Math.random, duplicate: 0.1, reorder: 0.2, delayMs: 100, loseAnswer: 0.1 };
const receive = { max: 10, waitMs: 10_000, visibilityMs: 60_000 };

queueContract("embedded", () => openQueue());
queueGuarantees("embedded, with faults", () => openQueue(hostile));

test("a message is on loan to one receiver only, and receivers do not wait for each other", async () => {
  const { queue, connection, close } = await openQueue();
  for (const body of ["1", "2", "3", "4"]) await queue.send("ingest", body);
  const slow = new pg.Client(connection);
  await slow.connect();
  await slow.query("begin");
  const loaned = await slow.query<{ body: string }>(queueStatements.take("visible_at, id"), [
    "ingest",
    2,
    60_000,
    3,
  ]);
  expect(loaned.rows.map((row) => row.body)).toEqual(["1", "2"]);
  expect((await queue.receive("ingest", receive)).map((message) => message.body)).toEqual(["3", "4"]);
  await slow.query("commit");
  expect(await queue.receive("ingest", { ...receive, waitMs: 0 })).toEqual([]);
  await slow.end();
  await close();
});

test("a receipt of an earlier loan neither deletes, extends nor releases the present one", async () => {
  const { queue, close } = await openQueue();
  await queue.send("ingest", "slow");
  const [stale] = await queue.receive("ingest", { ...receive, visibilityMs: 0 });
  const [present] = await queue.receive("ingest", receive);
  await queue.acknowledge("ingest", stale!.receipt);
  await queue.release("ingest", stale!.receipt, 0);
  await queue.extend("ingest", stale!.receipt, 0);
  expect(await queue.depth("ingest")).toMatchObject({ waiting: 0, inFlight: 1 });
  await queue.acknowledge("ingest", present!.receipt);
  expect(await queue.depth("ingest")).toMatchObject({ waiting: 0, inFlight: 0 });
  await close();
});

test("closing ends the wait of a receiver", async () => {
  const { queue, close } = await openQueue();
  const waiting = queue.receive("ingest", { ...receive, waitMs: 20_000 });
  await queue.depth("ingest");
  await close();
  expect(await waiting).toEqual([]);
});

test("the limits are those of SQS", async () => {
  const { queue, close } = await openQueue();
  const sending = (body: string, delayMs = 0) => queue.send("ingest", body, { delayMs });
  await sending("x".repeat(262_143));
  await sending("x".repeat(262_144));
  await expect(sending("x".repeat(262_145))).rejects.toThrow("262144");
  await expect(sending("")).rejects.toThrow(RangeError);
  await sending("late", 899_999);
  await sending("late", 900_000);
  await expect(sending("late", 900_001)).rejects.toThrow("900000");
  for (const max of [0, 11])
    await expect(queue.receive("ingest", { ...receive, max })).rejects.toThrow("1 to 10");
  expect(await queue.receive("ingest", { ...receive, max: 1, visibilityMs: 43_200_000 })).toHaveLength(1);
  const tooLong = { ...receive, visibilityMs: 43_200_001 };
  await expect(queue.receive("ingest", tooLong)).rejects.toThrow("43200000");
  await close();
});

describe("faults on demand", () => {
  const never: Faults = { random: () => 0.5, duplicate: 0, reorder: 0, delayMs: 0, loseAnswer: 0 };

  test("a lost answer hides what was done", async () => {
    const { queue, connection, close } = await openQueue({ ...never, loseAnswer: 1 });
    await expect(queue.send("ingest", "sent")).rejects.toThrow("answer");
    const honest = await createEmbeddedQueue({ connection });
    expect((await honest.receive("ingest", receive)).map((message) => message.body)).toEqual(["sent"]);
    await honest.close();
    await close();
  });

  test("a duplicate comes even when the first delivery was acknowledged", async () => {
    const { queue, close } = await openQueue({ ...never, duplicate: 1 });
    await queue.send("ingest", "twice");
    const [first] = await queue.receive("ingest", { ...receive, max: 1 });
    await queue.acknowledge("ingest", first!.receipt);
    const [second] = await queue.receive("ingest", { ...receive, max: 1 });
    expect(second).toMatchObject({ id: first!.id, body: "twice" });
    await close();
  });
});

test("after a kill of PostgreSQL the queue goes on, with every message", { timeout: 30_000 }, async () => {
  const server = await testServer();
  onTestFinished(() => server.stop());
  await prepareTestServer(server);
  const queue = await createEmbeddedQueue({ connection: server.embedded });
  await queue.send("documents", "kept");
  const waiting = queue.receive("late", { ...receive, waitMs: 20_000 }).catch(() => []);
  await server.kill();
  const outcome = () =>
    queue.send("ingest", "during").then(
      () => "sent",
      () => "refused",
    );
  await expect.poll(outcome).toBe("refused"); // a session may outlive its killed server for a moment
  expect(await waiting).toEqual([]);
  await server.restart();
  const [message] = await queue.receive("documents", receive);
  expect(message?.body).toBe("kept");
  const woken = queue.receive("late", { ...receive, waitMs: 20_000 });
  await queue.send("late", "after");
  expect((await woken).map((one) => one.body)).toEqual(["after"]);
  await queue.close();
});

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { testDatabase } from "@strongroom/local/test-database";
import { prepareTestServer, testServer } from "@strongroom/local/test-server";
import pg from "pg";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { follow } from "../contract/stream-follower.ts";
import { streamContract, streamGuarantees } from "../contract/stream.ts";
import type { Connection } from "../ports/database.ts";
import type { StreamRecord } from "../ports/stream.ts";
import type { Faults } from "./faults.ts";
import { appendParameters, appendStatement, partitionOf } from "./stream-log.ts";
import { createEmbeddedStream } from "./stream.ts";

const quick = { memberTimeoutMs: 2_000 };
const hostile: Faults = { random: Math.random, duplicate: 0.1, reorder: 0.3, delayMs: 5, loseAnswer: 0.1 };
const fact = (key: string, version = 1): StreamRecord => ({
  key,
  value: JSON.stringify({ version }),
  headers: {},
});

async function openStreams(faults?: Faults) {
  const database = await testDatabase();
  const options = { connection: database.connections.embedded, ...quick, ...(faults ? { faults } : {}) };
  const stream = await createEmbeddedStream(options);
  const other = await createEmbeddedStream(options);
  const close = async () => {
    await Promise.all([stream.close(), other.close()]);
    await database.drop();
  };
  return { stream, other, connection: options.connection, close };
}

streamContract("embedded", () => openStreams());
streamGuarantees("embedded, with faults", () => openStreams(hostile));

test("a reader never passes a record whose transaction is still open", async () => {
  const { stream, connection, close } = await openStreams();
  const idle = new pg.Client(connection);
  await idle.connect();
  await idle.query("begin");
  await idle.query(appendStatement, appendParameters("documents", partitionOf("a", 8), [fact("a", 1)]));
  const member = follow(stream, "readers", ["documents"]);
  const publishing = stream.publish("documents", [fact("a", 2)]);
  const elsewhere = Array.from({ length: 40 }, (_, index) => fact(`other ${index}`)).filter(
    ({ key }) => partitionOf(key, 8) !== partitionOf("a", 8),
  );
  await stream.publish("documents", elsewhere);
  await member.until((handled) => handled.length >= elsewhere.length);
  expect(member.handled.some((record) => record.key === "a")).toBe(false);
  await idle.query("commit");
  expect(await publishing).toEqual([{ acknowledged: true }]);
  await member.until((handled) => handled.length >= elsewhere.length + 2);
  const arrived = member.handled.filter((record) => record.key === "a");
  expect(arrived.map(({ value, offset }) => [value, offset])).toEqual([
    [fact("a", 1).value, "0"],
    [fact("a", 2).value, "1"],
  ]);
  await idle.end();
  await close();
});

test("offsets have no gaps, even when an append was rolled back", async () => {
  const { stream, connection, close } = await openStreams();
  const failing = new pg.Client(connection);
  await failing.connect();
  await failing.query("begin");
  await failing.query(appendStatement, appendParameters("documents", partitionOf("a", 8), [fact("a", 0)]));
  await failing.query("rollback");
  await Promise.all([1, 2, 3, 4, 5, 6].map((version) => stream.publish("documents", [fact("a", version)])));
  const member = follow(stream, "readers", ["documents"]);
  await member.until((handled) => handled.length >= 6);
  expect(member.handled.map((record) => record.offset)).toEqual(["0", "1", "2", "3", "4", "5"]);
  await failing.end();
  await close();
});

test("records of 1 MiB are taken, longer ones and values that are not JSON are not", async () => {
  const { stream, close } = await openStreams();
  const ofLength = (bytes: number): StreamRecord => ({
    key: "k",
    value: JSON.stringify("x".repeat(bytes - 5)),
    headers: {},
  });
  const accepted = async (record: StreamRecord) => (await stream.publish("users", [record]))[0]!.acknowledged;
  expect(await accepted(ofLength(1_048_575))).toBe(true);
  expect(await accepted(ofLength(1_048_576))).toBe(true);
  expect(await accepted(ofLength(1_048_577))).toBe(false);
  expect(await accepted({ key: "k", value: "not json", headers: {} })).toBe(false);
  expect(await accepted({ key: "\0", value: "1", headers: {} })).toBe(false);
  await close();
});

test("a log made with 8 partitions does not open with another number", async () => {
  const { connection, close } = await openStreams();
  await expect(createEmbeddedStream({ connection, partitions: 9 })).rejects.toThrow("8 partitions");
  await close();
});

test("the partition of a key never changes", () => {
  expect(["a", "b", "c"].map((key) => partitionOf(key, 8))).toEqual([2, 6, 3]); // SHA-256 of them begins ca978112, 3e23e816, 2e7d2c03
});

test("closing makes members leave", async () => {
  const { stream, close } = await openStreams();
  const stop = new AbortController();
  const consuming = stream.consume({ group: "g", topics: ["audit"], signal: stop.signal }, async () => {});
  await close();
  await consuming;
});

test("partitions of a member that is killed are taken over", async () => {
  const { stream, connection, close } = await openStreams();
  const child = await memberProcess(connection);
  const member = follow(stream, "shared", ["documents"]);
  await bothHandle(stream, child, member.handled);
  child.process.kill("SIGKILL");
  await everythingComesTo(member, stream, "after the kill");
  await member.leave();
  await close();
});

test("partitions of a member that hangs are taken over, and it joins again when it goes on", async () => {
  const { stream, connection, close } = await openStreams();
  const child = await memberProcess(connection);
  const member = follow(stream, "shared", ["documents"]);
  await bothHandle(stream, child, member.handled);
  child.process.kill("SIGSTOP");
  await everythingComesTo(member, stream, "while it hangs");
  child.process.kill("SIGCONT");
  await bothHandle(stream, child, member.handled);
  child.process.kill("SIGKILL");
  await member.leave();
  await close();
});

test(
  "after a kill of PostgreSQL members go on, with every record that was acknowledged",
  { timeout: 30_000 },
  async () => {
    const server = await testServer();
    onTestFinished(() => server.stop());
    await prepareTestServer(server);
    const stream = await createEmbeddedStream({ connection: server.embedded, ...quick });
    const member = follow(stream, "survivors", ["documents"]);
    await stream.publish("documents", [fact("a", 1)]);
    await member.until((handled) => handled.length >= 1);
    await server.kill();
    const outcome = () => stream.publish("documents", [fact("b")]).then(([one]) => one!.acknowledged);
    await expect.poll(outcome).toBe(false); // a session may outlive its killed server for a moment, and what it answers counts
    await server.restart();
    expect(await stream.publish("documents", [fact("a", 2)])).toEqual([{ acknowledged: true }]);
    const ofA = () => member.handled.filter((record) => record.key === "a").map((record) => record.value);
    await member.until(() => ofA().includes(fact("a", 2).value));
    expect(new Set(ofA())).toEqual(new Set([fact("a", 1).value, fact("a", 2).value]));
    await stream.close();
  },
);

/** A member of the group `shared` in a process of its own, which prints a line for each record that it handles. */
async function memberProcess(connection: Connection): Promise<{ process: ChildProcess; lines: string[] }> {
  const program = `
    const { createEmbeddedStream } = await import(${JSON.stringify(new URL("stream.ts", import.meta.url).href)});
    const stream = await createEmbeddedStream({ connection: ${JSON.stringify(connection)}, memberTimeoutMs: ${quick.memberTimeoutMs} });
    const subscription = { group: "shared", topics: ["documents"], signal: new AbortController().signal };
    console.log("joining");
    await stream.consume(subscription, async (record) => console.log(record.key));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const lines: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => lines.push(...chunk.toString().trim().split("\n")));
  await expect.poll(() => lines.length, { timeout: 10_000 }).toBeGreaterThan(0);
  return { process: child, lines };
}

const children: ChildProcess[] = [];
afterAll(() => children.forEach((child) => child.kill("SIGKILL")));

type Streams = Awaited<ReturnType<typeof openStreams>>;

async function bothHandle(
  stream: Streams["stream"],
  child: { lines: string[] },
  handled: unknown[],
): Promise<void> {
  const [before, linesBefore] = [handled.length, child.lines.length];
  await expect
    .poll(
      async () => {
        await stream.publish(
          "documents",
          Array.from({ length: 16 }, (_, index) => fact(`round ${index}`)),
        );
        return handled.length > before && child.lines.length > linesBefore;
      },
      { timeout: 15_000 },
    )
    .toBe(true);
}

async function everythingComesTo(
  member: ReturnType<typeof follow>,
  stream: Streams["stream"],
  name: string,
): Promise<void> {
  const facts = Array.from({ length: 32 }, (_, index) => fact(`${name} ${index}`));
  await stream.publish("documents", facts);
  await member.until(
    (handled) => new Set(handled.filter((one) => one.key.startsWith(name)).map((one) => one.key)).size >= 32,
  );
}

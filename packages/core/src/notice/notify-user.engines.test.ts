import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { relay } from "@strongroom/eks-workers/relay";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { kafkaBroker } from "@strongroom/local/engines/kafka";
import { query } from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { KafkaConnection } from "../aws/stream-connection.ts";
import { openStreams, sessionMs } from "../aws/stream-testbed.ts";
import { appendEvent } from "../event/append-event.ts";
import type { DocumentId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { notifier, pushTag } from "./notify-user.ts";

const timeout = 60_000;
const patience = { timeout, interval: 250 };

describeWith(kafkaBroker, (kafka) => {
  let world: TestWorld;
  beforeAll(async () => {
    world = await testWorld();
    await query(
      world,
      "insert into device (tenant_id, id, user_id, platform, push_token) values ($1, $2, $3, 'android', 'phone')",
      [world.dora.tenantId, newDocumentId(), world.dora.userId],
    );
  });
  afterAll(() => world.close());
  afterEach(() => members.splice(0).forEach((member) => member.process.kill("SIGKILL")));

  test(
    "two notifiers share the work; one is killed with some of it in hand, the other goes on where it stopped, and every document is told of",
    { timeout: 2 * timeout },
    async () => {
      const { connection, stream, close } = await openStreams(kafka().bootstrap);
      const ports = { ...world.ports, stream };
      const stopping = new AbortController();
      const relaying = await relay({ ports, name: "relay", stopping: stopping.signal });
      const [staying, dying] = [await startMember(connection, world), await startMember(connection, world)];
      const told: DocumentId[] = [];
      const tellMore = async () => void told.push(...(await rejectDocuments(ports, world, 16)));

      await tellMore();
      await bothPush(staying, dying, tellMore);
      dying.process.kill("SIGUSR2");
      const caught = async () => tellMore().then(() => dying.inHand);
      await expect.poll(caught, patience).toBeGreaterThan(0);
      for (let more = 0; more < 3; more++) await tellMore();
      await expect.poll(() => stream.lag(notifier, "documents"), patience).toBeGreaterThan(0);
      dying.process.kill("SIGKILL");
      await expect.poll(() => stream.lag(notifier, "documents"), patience).toBe(0);

      await bothPush(staying, await startMember(connection, world), tellMore);
      await expect.poll(async () => (await inbox(world)).length, patience).toBe(told.length);

      const pushed = new Set(members.flatMap((member) => member.tags));
      expect(pushed).toEqual(new Set(told.map((subject) => pushTag({ subject, version: 1 }))));
      expect((await inbox(world)).toSorted()).toEqual(told.toSorted());
      stopping.abort();
      await relaying.done;
      await close();
    },
  );

  test(
    "the lag that the probes tell rises by every fact while no notifier is there, and is gone when one has caught up",
    { timeout: 2 * timeout },
    async () => {
      const { connection, stream, close } = await openStreams(kafka().bootstrap);
      const ports = { ...world.ports, stream };
      const stopping = new AbortController();
      const relaying = await relay({ ports, name: "relay", stopping: stopping.signal });
      const lag = () => stream.lag(notifier, "documents");
      const member = await startMember(connection, world);
      await rejectDocuments(ports, world, 3);
      await expect.poll(() => member.tags.length, patience).toBe(3);
      await expect.poll(lag, patience).toBe(0);
      member.process.kill("SIGKILL");

      for (const told of [5, 10]) {
        await rejectDocuments(ports, world, 5);
        await expect.poll(lag, patience).toBe(told);
      }
      const next = await startMember(connection, world);
      await expect.poll(lag, patience).toBe(0);
      expect(next.tags).toHaveLength(10);
      stopping.abort();
      await relaying.done;
      await close();
    },
  );
});

/** Facts that a driver is told of, one for each new document, by way of the outbox. */
async function rejectDocuments(ports: Ports, { dora }: TestWorld, count: number): Promise<DocumentId[]> {
  const ids = Array.from({ length: count }, newDocumentId);
  const fact = {
    version: 1,
    type: "document.rejected",
    data: { ownerId: dora.userId },
    traceparent: null,
  } as const;
  await ports.database.withTenant(dora.tenantId, async (tx) => {
    for (const documentId of ids) await appendEvent(ports, tx, { ...fact, documentId });
  });
  return ids;
}

/** Documents that a person was told of, one for each time that the effect was written down. */
async function inbox(world: TestWorld): Promise<string[]> {
  const sql = "select document_id from outbox where type = 'user.notified' order by id";
  return (await query<{ document_id: string }>(world, sql)).map((row) => row.document_id);
}

/** `inHand`: pushes that it has begun and never ends, since it was told to by SIGUSR2. */
type Member = { process: ChildProcess; tags: string[]; inHand: number };
const members: Member[] = [];

/** Resolves when both have pushed something since they were called, with more to do all the while. */
async function bothPush(one: Member, other: Member, tellMore: () => Promise<void>): Promise<void> {
  const before = [one.tags.length, other.tags.length];
  const both = async () => {
    await tellMore();
    return one.tags.length > before[0]! && other.tags.length > before[1]!;
  };
  await expect.poll(both, patience).toBe(true);
}

/** A notifier in a process of its own; its pushes are lines that it prints. */
async function startMember(connection: KafkaConnection, { database }: TestWorld): Promise<Member> {
  const module = (path: string) => JSON.stringify(import.meta.resolve(path));
  const program = `
    const { notifier } = await import(${module("@strongroom/eks-workers/notifier")});
    const { createEmbeddedDatabase } = await import(${module("@strongroom/core/embedded/database")});
    const { createKafkaStream } = await import(${module("@strongroom/core/aws/stream")});
    const { systemIds } = await import(${module("@strongroom/core/ids")});
    const { silentLog: log } = await import(${module("@strongroom/core/log")});
    const database = createEmbeddedDatabase({ connections: ${JSON.stringify(database.connections)}, maxConnections: 4 });
    const stream = createKafkaStream({ connection: ${JSON.stringify(connection)}, log, sessionMs: ${sessionMs} });
    let stuck = false;
    process.on("SIGUSR2", () => (stuck = true));
    const send = async ({ tag }) => {
      console.log(stuck ? "in hand" : tag);
      return stuck ? new Promise(() => {}) : "delivered";
    };
    const running = await notifier({ ports: { database, stream, push: { send }, ids: systemIds, log }, name: "notifier", stopping: new AbortController().signal });
    console.log("started");
    await running.done;`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const member: Member = { process: child, tags: [], inHand: 0 };
  members.push(member);
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve) =>
    lines.on("line", (line) => {
      if (line === "started") resolve();
      else if (line === "in hand") member.inHand++;
      else member.tags.push(line);
    }),
  );
  return member;
}

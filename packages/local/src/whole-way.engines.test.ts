import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Client } from "@strongroom/cli/client";
import { declareFiles } from "@strongroom/cli/declare-files";
import { downloadArtefact } from "@strongroom/cli/download-artefact";
import { followDocument } from "@strongroom/cli/follow-document";
import { uploadDocument } from "@strongroom/cli/upload-document";
import type { DocumentView } from "@strongroom/core/api-shapes";
import { withClient } from "@strongroom/core/database/roles";
import { sha256Hex } from "@strongroom/core/digest";
import { systemIds } from "@strongroom/core/ids";
import { sweepDeadLetters } from "@strongroom/core/job/sweep-dead-letters";
import { notifier as group } from "@strongroom/core/notice/notify-user";
import { queueNames } from "@strongroom/core/ports/queue";
import { verifyReceipt } from "@strongroom/core/receipt/verify-receipt";
import { notifier } from "@strongroom/eks-workers/notifier";
import { processor } from "@strongroom/eks-workers/processor";
import { relay } from "@strongroom/eks-workers/relay";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "./engines/describe-with.ts";
import { elasticmqServer } from "./engines/elasticmq.ts";
import { kafkaBroker } from "./engines/kafka.ts";
import { kmsServer } from "./engines/kms.ts";
import { postgresServer } from "./engines/postgres.ts";
import { redisServer } from "./engines/redis.ts";
import { s3Server } from "./engines/s3.ts";
import { type AwsSystem, type StandIns, startAws } from "./test-aws.ts";
import { padJpeg } from "./test-files.ts";
import { untilQuiet } from "./test-whole.ts";
import { putAll } from "./test-world.ts";

const sample = (name: string) => join(import.meta.dirname, "..", "samples", name);
const program = join(import.meta.dirname, "../../../proof/check/verify-receipt.ts");
const workers = fileURLToPath(import.meta.resolve("@strongroom/eks-workers/main"));
const timeout = 60_000;

describeWith(s3Server, (s3) =>
  describeWith(elasticmqServer, (sqs) =>
    describeWith(kmsServer, (kms) =>
      describeWith(postgresServer, (aurora) =>
        describeWith(redisServer, (valkey) =>
          describeWith(kafkaBroker, (kafka) =>
            theWholeWay(() => ({
              s3: s3(),
              sqs: sqs(),
              kms: kms(),
              aurora: aurora(),
              valkey: valkey(),
              kafka: kafka(),
            })),
          ),
        ),
      ),
    ),
  ),
);

type Sent = { client: Client; paths: string[]; document: DocumentView };

function theWholeWay(standIns: () => StandIns): void {
  let system: AwsSystem;
  let scratch: string;
  const stops: (() => Promise<void>)[] = [];
  const sent = new Map<string, Sent>();
  const of = (name: string): Sent => sent.get(name)!;
  const stored = () => [...sent.values()].filter(({ document }) => document.state === "stored");

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "strongroom-sent-"));
    system = await startAws(standIns());
    for (const worker of [relay, notifier]) stops.push(await system.run(worker));
  });
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()));
    await system.close();
    await rm(scratch, { recursive: true });
  });

  const query = async <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> =>
    await withClient(system.admin, async (client) => (await client.query<Row>(sql, values)).rows);
  const receivedBy = async ({ document }: Sent) => {
    const sql = "select actor from audit where subject = $1 and action = 'document.received'";
    return (await query<{ actor: string }>(sql, [document.id])).map(({ actor }) => actor);
  };

  /** Sends the bytes and not a word more: that they are there is for S3 to tell. */
  async function sendInSilence(client: Client, paths: string[]): Promise<string> {
    const id = systemIds.uuid();
    const files = (await declareFiles(paths)).map(({ declaration }) => declaration);
    const body = { id, kind: "cmr", loadNumber: null, note: null, replaces: null, files };
    const { uploads } = await client.call("acceptUpload", { body });
    const statuses = await putAll(uploads, await Promise.all(paths.map((path) => readFile(path))));
    expect(statuses).toEqual(paths.map(() => 200));
    return id;
  }

  describe("the whole way of documents over the services of AWS", () => {
    beforeAll(async () => {
      const stopProcessor = await system.run(processor);
      stops.push(stopProcessor);
      const [dora, emil, franz] = await Promise.all(
        ["Dora Lind", "Emil Berg", "Franz Huber"].map(async (name) => {
          const client = await system.clientOf(name);
          const body = { platform: "android", pushToken: `phone of ${name}` } as const;
          await client.call("registerDevice", { params: { id: systemIds.uuid() }, body });
          return client;
        }),
      );
      const large = join(scratch, "large.jpg");
      await writeFile(large, padJpeg(await readFile(sample("cmr-1.jpg")), 17 * 1024 * 1024));
      const follow = async (name: string, client: Client, paths: string[], id: string) =>
        void sent.set(name, { client, paths, document: await followDocument(client, id) });
      const send = async (name: string, client: Client, ...paths: string[]) =>
        await follow(name, client, paths, await sendInSilence(client, paths));
      const inParts = async (name: string, client: Client, path: string) =>
        await follow(name, client, [path], await upload(client, path));
      await Promise.all([
        send("photo", dora!, sample("delivery-note.jpg")),
        send("three pages", emil!, ...["cmr-1.jpg", "cmr-2.jpg", "cmr-3.jpg"].map(sample)),
        send("broken", dora!, sample("broken.jpg")),
        inParts("photo of 17 MiB", franz!, large),
      ]);
      await send("duplicate", emil!, sample("delivery-note.jpg"));
      await untilQuiet(system.admin);
      await stopProcessor();
    });

    test.each([
      ["photo", ["original-1", "page-1", "thumbnail-1"]],
      ["three pages", ["combined", "original-1", "original-2", "original-3", "page-2", "thumbnail-3"]],
      ["photo of 17 MiB", ["original-1", "page-1", "thumbnail-1"]],
    ])("stores a %s with its pages, thumbnails and originals", (name, artefacts) => {
      const { document } = of(name);
      expect(document).toMatchObject({ state: "stored", reason: null });
      expect(document.artefacts.map((artefact) => artefact.name)).toEqual(expect.arrayContaining(artefacts));
    });

    test("receives what S3 told of, though the client said nothing more", async () => {
      for (const name of ["photo", "three pages", "broken", "duplicate"])
        expect(await receivedBy(of(name)), name).toEqual(["system:ingest"]);
    });

    test("joins what came in parts when the client says that all is sent", async () => {
      const [actor] = await receivedBy(of("photo of 17 MiB"));
      expect(actor).toMatch(/^user:/);
    });

    test("rejects a file that is no document", () => {
      expect(of("broken").document).toMatchObject({ state: "rejected", reason: "unsupported_type" });
    });

    test("tells that the same content is on file already", () => {
      expect(of("duplicate").document).toMatchObject({ state: "stored", duplicate: { documentId: null } });
    });

    test("gives every original back, bit for bit", async () => {
      expect(stored()).toHaveLength(4);
      for (const { client, paths, document } of stored()) {
        for (const [index, path] of paths.entries()) {
          const artefact = document.artefacts.find(({ name }) => name === `original-${index + 1}`)!;
          const back = join(scratch, `${document.id}-${index}`);
          await downloadArtefact(client, document.id, artefact, back, new AbortController().signal);
          expect((await readFile(back)).equals(await readFile(path)), path).toBe(true);
        }
      }
    });

    test("keeps in the vault what the manifests name, sealed, and checkpoints of the audit beside it", async () => {
      const named = await query<{ key: string; size: number; plain: number }>(
        "select vault_key as key, sealed_size_bytes::int as size, size_bytes::int as plain from artefact",
      );
      const kept: { key: string; size: number }[] = [];
      for await (const { key, sizeBytes: size } of system.ports.objects.list("v/")) kept.push({ key, size });
      const [checkpoints, sealed] = [true, false].map((is) =>
        kept.filter(({ key }) => key.startsWith("v/checkpoints/") === is),
      );
      const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);
      expect(sealed!.toSorted(byKey)).toEqual(named.map(({ key, size }) => ({ key, size })).toSorted(byKey));
      expect(named.every(({ size, plain }) => size > plain)).toBe(true);
      expect(checkpoints).not.toEqual([]);
    });

    test("gives out receipts signed by KMS that hold for these files and no others", async () => {
      const jwks = await of("photo").client.call("receiptKeys", {});
      expect(jwks.keys).toEqual(await system.ports.keys.publicKeys());
      const keys = join(scratch, "keys.json");
      await writeFile(keys, JSON.stringify(jwks));
      for (const { client, paths, document } of stored()) {
        const jws = await client.call("readReceipt", { params: { id: document.id } });
        const originals = await Promise.all(paths.map(originalOf));
        expect(await verifyReceipt(jws, jwks, originals)).toMatchObject({
          outcome: "valid",
          positions: paths.map((_, index) => index + 1),
        });
        const receipt = join(scratch, `${document.id}.jws`);
        await writeFile(receipt, jws);
        const verify = (files: string[]) =>
          promisify(execFile)(process.execPath, [program, receipt, keys, ...files]);
        expect((await verify(paths)).stdout).toContain(
          `document ${document.id} with ${paths.length} original(s)`,
        );
        await expect(verify([sample("broken.jpg")])).rejects.toMatchObject({ code: 1 });
      }
    });

    test("tells each phone once of each document, in the version in which it came to rest", () => {
      const expected = [...sent.values()].map(({ document: { id, version, state } }) => ({
        documentId: id,
        type: `document.${state}.v1`,
        version: String(version),
        tag: `${id}.${version}`,
      }));
      const tags = system.fcm.sent.map((message) => message.data["tag"]);
      expect(new Set(tags)).toEqual(new Set(expected.map(({ tag }) => tag)));
      const shown = ["Dora Lind", "Emil Berg", "Franz Huber"].flatMap((name) =>
        system.fcm.inbox(`phone of ${name}`).map(({ data }) => data),
      );
      const byTag = (a: Record<string, string>, b: Record<string, string>) =>
        a["tag"]! < b["tag"]! ? -1 : 1;
      expect(shown.toSorted(byTag)).toEqual(expected.toSorted(byTag));
    });

    test("leaves nothing in a queue, no dead letter, and no record that the notifier has not seen", async () => {
      const left = async () => await Promise.all(queueNames.map((queue) => system.ports.queue.depth(queue)));
      const nothing = { waiting: 0, inFlight: 0, dead: 0, oldestWaitingMs: null };
      await expect.poll(left, { timeout }).toEqual(queueNames.map(() => nothing));
      await expect.poll(() => system.ports.stream.lag(group, "documents"), { timeout }).toBe(0);
    });
  });

  describe("a bell that nobody could answer", () => {
    let id: string;
    let client: Client;
    const depth = async () => await system.ports.queue.depth("documents");

    test("is a dead letter of SQS in the end, and one sweep rings it anew", async () => {
      client = await system.clientOf("Dora Lind");
      id = await sendInSilence(client, [sample("cmr-2.jpg")]);
      const { queue } = system.ports;
      while ((await depth()).dead === 0) {
        const bells = await queue.receive("documents", { max: 1, waitMs: 5_000, visibilityMs: timeout });
        for (const { receipt } of bells) await queue.release("documents", receipt, 0);
      }
      expect(await depth()).toMatchObject({ waiting: 0, dead: 1 });
      expect(await sweepDeadLetters(system.ports)).toBe(1);
      expect(await depth()).toMatchObject({ waiting: 1, dead: 0 });
    });

    test(
      "is answered by a processor in a process of its own, which ends with 0 at SIGTERM",
      { timeout },
      async () => {
        const child = spawn(process.execPath, [workers, "processor"], {
          env: system.environment,
          stdio: ["ignore", "ignore", "pipe", "ipc"],
        });
        const said = text(child.stderr!);
        const ended = once(child, "exit");
        await Promise.race([once(child, "message"), ended]);
        const document = await followDocument(client, id);
        expect(document).toMatchObject({ state: "stored", artefacts: expect.anything() });
        child.kill("SIGTERM");
        expect(await ended).toEqual([0, null]);
        const lines = (await said)
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        expect(lines).toContainEqual(
          expect.objectContaining({ event: "document.processed", documentId: id, outcome: "stored" }),
        );
        expect(lines.filter(({ level }) => level !== "info")).toEqual([]);
        await untilQuiet(system.admin);
        const tag = `${id}.${document.version}`;
        expect(system.fcm.inbox("phone of Dora Lind").map(({ data }) => data["tag"])).toContain(tag);
        expect(await depth()).toMatchObject({ waiting: 0, inFlight: 0, dead: 0 });
      },
    );
  });
}

/** The client's own way, which cuts what is above 16 MiB into parts and says when all is sent. */
async function upload(client: Client, path: string): Promise<string> {
  return (await uploadDocument(client, { id: systemIds.uuid(), kind: "cmr", paths: [path] })).id;
}

async function originalOf(path: string): Promise<{ sha256: string; sizeBytes: number }> {
  const bytes = await readFile(path);
  return { sha256: sha256Hex(bytes), sizeBytes: bytes.length };
}

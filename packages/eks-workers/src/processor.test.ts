import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { query, receive, rowOf } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { issueTicket } from "@strongroom/core/document/issue-ticket";
import { readDocument } from "@strongroom/core/document/read-document";
import type { Doorbell } from "@strongroom/core/job/ring-doorbell";
import type { Ports } from "@strongroom/core/ports/ports";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { processor } from "./processor.ts";
import type { Running } from "./worker.ts";

let world: TestWorld;
let running: Running;
const stop = new AbortController();
beforeAll(async () => {
  world = await testWorld();
  running = await processor({ ports: world.ports, name: "processor-test", stopping: stop.signal });
});
afterAll(async () => {
  stop.abort();
  await running.done;
  await world.close();
});

const samples = join(import.meta.dirname, "../../local/samples");
const sample = (name: string) => readFile(join(samples, name));
const settled = async (bell: Doorbell) =>
  await vi.waitFor(
    async () => {
      const row = await rowOf(world, bell);
      expect(row["settled_at"]).not.toBeNull();
      return row;
    },
    { timeout: 25_000, interval: 50 },
  );
const myScratch = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith(`strongroom-scratch-${process.pid}-`));

async function read(documentId: string, artefact: string): Promise<Buffer> {
  const { url } = await issueTicket(world.ports, world.dora, { documentId, artefact });
  const { body } = await readDocument(world.ports, {
    documentId,
    artefact,
    ticket: new URL(url).searchParams.get("ticket")!,
  });
  return body instanceof Readable ? await buffer(body) : Buffer.from(body);
}

describe("a processor with real decode children", () => {
  it("takes a document of photos from its doorbell to the vault: pages, combined PDF, and the original byte for byte", async () => {
    const files = [await sample("cmr-1.jpg"), await sample("blurred.jpg")];
    const bell = await receive(world, world.dora, files);
    expect(await settled(bell)).toMatchObject({
      state: "stored",
      page_count: 2,
      reason: null,
      isolation: running.isolation,
    });
    const [row] = await query<{ legibility: { page: number; reasons: string[] }[] }>(
      world,
      "select legibility from document where id = $1",
      [bell.documentId],
    );
    expect(row!.legibility).toMatchObject([
      { page: 1 },
      { page: 2, reasons: expect.arrayContaining(["blurred"]) },
    ]);
    for (const [index, file] of files.entries())
      expect((await read(bell.documentId, `original-${index + 1}`)).equals(file)).toBe(true);
    expect((await read(bell.documentId, "combined")).subarray(0, 5).toString()).toBe("%PDF-");
    expect((await read(bell.documentId, "page-2")).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
  });

  it("finds the words of a PDF, keeps a broken photo without a preview and rejects what is neither", async () => {
    const bells = await Promise.all([
      receive(world, world.dora, [await sample("invoice.pdf")]),
      receive(world, world.dora, [(await sample("delivery-note.jpg")).fill(7, 400)]),
      receive(world, world.dora, [Buffer.from("<html>not a photo</html>".repeat(10))]),
    ]);
    const rows = await Promise.all(bells.map(settled));
    expect(rows).toMatchObject([
      { state: "stored", reason: null },
      { state: "stored", reason: "no_preview_broken" },
      { state: "rejected", reason: "unsupported_type" },
    ]);
    expect(
      await query(world, "select page from page_text where document_id = $1", [bells[0]!.documentId]),
    ).not.toEqual([]);
  });

  it("leaves no doorbell behind", async () => {
    await vi.waitFor(
      async () =>
        expect(await world.ports.queue.depth("documents")).toMatchObject({ waiting: 0, inFlight: 0 }),
      10_000,
    );
  });
});

it("told to stop in the middle of its work it gives the document back, cleans up and ends; the next one finishes it", async () => {
  const own = new AbortController();
  const reached = new AbortController();
  const hanging: Ports = {
    ...world.ports,
    objects: {
      ...world.ports.objects,
      put: (_key, body) => (
        body.on("error", () => {}),
        reached.abort(),
        new Promise((_resolve, reject) =>
          own.signal.addEventListener("abort", () => reject(own.signal.reason as Error)),
        )
      ),
    },
  };
  stop.abort();
  await running.done;
  expect(await myScratch()).toEqual([]);
  const stuck = await processor({ ports: hanging, name: "processor-stuck", stopping: own.signal });
  const bell = await receive(world, world.dora, [await sample("delivery-note.jpg")]);
  if (!reached.signal.aborted) await once(reached.signal, "abort");
  expect(await myScratch()).toHaveLength(1);
  own.abort(new Error("SIGTERM"));
  await stuck.done;
  expect(await rowOf(world, bell)).toMatchObject({
    state: "processing",
    lease_until: null,
    claims: 0,
    retries: 0,
  });
  expect(await myScratch()).toEqual([]);
  const again = new AbortController();
  const next = await processor({ ports: world.ports, name: "processor-next", stopping: again.signal });
  expect(await settled(bell)).toMatchObject({ state: "stored" });
  again.abort();
  await next.done;
});

it("while others' documents come in, a company that has half of the decoders gets no more out of the late queue for a second", async () => {
  stop.abort();
  await running.done;
  const own = new AbortController();
  let nowMs = 0;
  const holds = new Map<string, () => void>();
  const { objects, config, clock } = world.ports;
  const put: typeof objects.put = async (key, body, ...rest) => {
    const documentId = key.split("/")[3]!;
    if (key.includes(world.dora.tenantId) && !holds.has(documentId))
      await new Promise<void>((resolve) => holds.set(documentId, resolve));
    return await objects.put(key, body, ...rest);
  };
  const ports: Ports = {
    ...world.ports,
    clock: { ...clock, monotonicMs: () => nowMs },
    config: { ...config, jobs: 2 },
    objects: { ...objects, put },
  };
  let pictures = 0;
  const photo = async () => Buffer.concat([await sample("delivery-note.jpg"), Buffer.of(99, pictures++)]);
  const send = async (by: typeof world.dora) => await receive(world, by, [await photo()]);
  const [first, second, third] = [await send(world.dora), await send(world.dora), await send(world.dora)];
  const other = await send(world.franz);
  const { done } = await processor({ ports, name: "processor-shared", stopping: own.signal });
  const patience = { timeout: 25_000, interval: 20 };
  const held = (count: number) => vi.waitFor(() => expect(holds.size).toBe(count), patience);
  try {
    expect(await settled(other)).toMatchObject({ state: "stored" });
    await held(2); // with room for one, the second one came out of the late queue
    holds.get(second.documentId)!();
    await settled(second);
    await settled(await send(world.franz));
    expect(await rowOf(world, third)).toMatchObject({ state: "received" });
    nowMs += 1_000;
    await settled(await send(world.franz));
    await held(3);
    for (const goOn of holds.values()) goOn();
    for (const one of [first, third]) await settled(one);
  } finally {
    own.abort(new Error("SIGTERM"));
    for (const goOn of holds.values()) goOn();
    await done;
  }
});

it("on one machine, a document of a company that sends much waits, in hand, while another company's is worked on", async () => {
  stop.abort();
  await running.done;
  const own = new AbortController();
  const fetched: string[] = [];
  const goOn = Promise.withResolvers<void>();
  const { objects, clock } = world.ports;
  const read: typeof objects.read = async (key) => (fetched.push(key), await objects.read(key));
  const put: typeof objects.put = async (key, body, ...rest) => {
    if (isHeld(key)) await goOn.promise;
    return await objects.put(key, body, ...rest);
  };
  let held = ""; // the first document of the other company, from before its bell is rung
  const isHeld = (key: string): boolean => {
    if (held === "" && key.includes(world.franz.tenantId)) held = key.split("/")[3]!;
    return held !== "" && key.includes(held);
  };
  // Time stands still: what waits a moment waits until something happens.
  const ports: Ports = {
    ...world.ports,
    clock: { ...clock, monotonicMs: () => 0 },
    objects: { ...objects, read, put },
  };
  const send = async (by: typeof world.dora, mark: number) =>
    await receive(world, by, [Buffer.concat([await sample("delivery-note.jpg"), Buffer.of(77, mark)])]);
  const { done } = await processor({ ports, name: "processor-gives-way", stopping: own.signal });
  try {
    for (let mark = 0; mark < 4; mark += 1) await settled(await send(world.dora, mark));
    const first = await send(world.franz, 4);
    const isFetched = (bell: Doorbell) => fetched.some((key) => key.includes(bell.documentId));
    await vi.waitFor(() => expect(isFetched(first)).toBe(true), 25_000);
    const much = await send(world.dora, 5);
    await vi.waitFor(
      async () => expect(await rowOf(world, much)).toMatchObject({ state: "processing" }),
      25_000,
    );
    expect(await settled(await send(world.franz, 6))).toMatchObject({ state: "stored" });
    expect(isFetched(much)).toBe(false);
    goOn.resolve();
    expect(await settled(much)).toMatchObject({ state: "stored" });
  } finally {
    goOn.resolve();
    own.abort(new Error("SIGTERM"));
    await done;
  }
});

it("has two documents in hand for each decoder, and a fresh one more for each, so that these find a place whoever floods", async () => {
  const own = new AbortController();
  const sealing = new Set<string>();
  const hanging: Ports = {
    ...world.ports,
    objects: {
      ...world.ports.objects,
      put: (key, body) => (
        body.on("error", () => {}),
        sealing.add(key.split("/")[3]!),
        new Promise((_resolve, reject) =>
          own.signal.addEventListener("abort", () => reject(own.signal.reason as Error)),
        )
      ),
    },
  };
  const { jobs } = world.ports.config;
  const bells: Doorbell[] = [];
  for (let n = 0; n <= 3 * jobs; n += 1)
    bells.push(
      await receive(world, world.dora, [Buffer.concat([await sample("delivery-note.jpg"), Buffer.of(n)])]),
    );
  const inHand = async () => {
    const rows = await Promise.all(bells.map((bell) => rowOf(world, bell)));
    return rows.filter((row) => row["state"] === "processing").length;
  };
  const stuck = await processor({ ports: hanging, name: "processor-full", stopping: own.signal });
  const patience = { timeout: 25_000, interval: 50 };
  try {
    await vi.waitFor(() => expect(sealing.size).toBe(2 * jobs), patience);
    expect(await inHand()).toBe(2 * jobs);
    for (const bell of bells) await world.ports.queue.send("documents", JSON.stringify(bell));
    await vi.waitFor(() => expect(sealing.size).toBe(3 * jobs), patience);
    expect(await inHand()).toBe(3 * jobs);
  } finally {
    own.abort(new Error("SIGTERM"));
    await stuck.done;
  }
});

it("documents whose pages are lost slow it for nobody: nothing that it needs is away", async () => {
  stop.abort();
  await running.done;
  await query(world, "delete from embedded.queue_message"); // what the test before gave back is not this one's
  const own = new AbortController();
  const events: string[] = [];
  const warn = (event: string) => void events.push(event);
  const ports: Ports = { ...world.ports, log: { ...world.ports.log, warn } };
  for (let n = 0; n < 4; n += 1)
    await loseFiles(
      await receive(world, world.dora, [Buffer.concat([await sample("delivery-note.jpg"), Buffer.of(n)])]),
    );
  const { done } = await processor({ ports, name: "processor-lost-pages", stopping: own.signal });
  const retried = () => events.filter((event) => event === "document.retried").length;
  try {
    await vi.waitFor(() => expect(retried()).toBeGreaterThanOrEqual(4), 25_000);
  } finally {
    own.abort(new Error("SIGTERM"));
    await done;
  }
  expect(events).not.toContain("loop.needs_away");
});

/** What a restore without staging leaves of a document that was received. */
async function loseFiles({ documentId }: Doorbell): Promise<void> {
  const { objects } = world.ports;
  for await (const { key, versionId } of objects.list("s/"))
    if (key.includes(documentId)) await objects.remove(key, versionId);
}

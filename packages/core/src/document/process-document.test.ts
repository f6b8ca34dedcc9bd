import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import {
  crashed,
  pdf,
  photo,
  processOnce,
  query,
  receive,
  rowOf,
  standInRenderer,
} from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Doorbell } from "../job/ring-doorbell.ts";
import type { ObjectKey } from "../ports/objects.ts";
import { processDocument, type ProcessPorts } from "./process-document.ts";
import type { Rendering } from "./rendering.ts";
import { showDocument } from "./show-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const bytes = () => randomBytes(200);
const received = (files = [bytes()]) => receive(world, world.dora, files);
const seen = (bell: Doorbell) => showDocument(world.ports, world.dora, bell.documentId);

async function manifestOf({ documentId }: Doorbell) {
  return await query(
    world,
    "select name, attempt, vault_key, size_bytes, sha256 from artefact where document_id = $1 order by created_at, name",
    [documentId],
  );
}

async function vaultKeys(documentId: string): Promise<ObjectKey[]> {
  const keys: ObjectKey[] = [];
  for await (const { key } of world.ports.objects.list("v/")) if (key.includes(documentId)) keys.push(key);
  return keys;
}

describe("a document of three photos", () => {
  it("is stored: originals, pages, thumbnails, one combined PDF and capture facts, all in the vault and the manifest", async () => {
    const bell = await received([bytes(), bytes(), bytes()]);
    const answers: Rendering[] = [
      photo("1"),
      { ...photo("2", ["blurred"]), captureFacts: { make: "Nokia" } } as Rendering,
      photo("3"),
    ];
    expect(
      await processOnce(world.ports, bell, { renderer: standInRenderer((_job, before) => answers[before]!) }),
    ).toBe("stored");
    const names = (await manifestOf(bell)).map(({ name }) => name as string);
    const expected = [
      "capture-facts",
      "combined",
      ...[1, 2, 3].flatMap((n) => [`original-${n}`, `page-${n}`, `thumbnail-${n}`]),
    ];
    expect(names.toSorted()).toEqual(expected.toSorted());
    expect(await vaultKeys(bell.documentId)).toEqual(
      (await manifestOf(bell)).map(({ vault_key }) => vault_key as string).toSorted(),
    );
    expect(await seen(bell)).toMatchObject({
      state: "stored",
      version: 3,
      reason: null,
      pageCount: 3,
      legibility: [
        { page: 1, reasons: [] },
        { page: 2, reasons: ["blurred"] },
        { page: 3, reasons: [] },
      ],
    });
  });

  it("tells of itself in one event: ids, hashes, sizes, and which page is hard to read", async () => {
    const bell = await received([bytes(), bytes()]);
    const answers = [photo("1"), photo("2", ["dark", "glare"])];
    await processOnce(world.ports, bell, { renderer: standInRenderer((_job, before) => answers[before]!) });
    const { files } = await seen(bell);
    const events = await query(
      world,
      "select version, topic, data from outbox where document_id = $1 and type = 'document.stored'",
      [bell.documentId],
    );
    expect(events).toEqual([
      {
        version: 3,
        topic: "documents",
        data: {
          ownerId: world.dora.userId,
          replaces: null,
          attempt: expect.any(Number),
          pageCount: 2,
          duplicateOf: null,
          legibility: [{ page: 2, reasons: ["dark", "glare"] }],
          files: files.map(({ position, sha256, sizeBytes }) => ({
            position,
            sha256,
            sizeBytes,
            mediaType: "image/jpeg",
            noPreview: null,
          })),
        },
      },
    ]);
  });

  it("keeps the number of each page where one cannot be shown", async () => {
    const bell = await received([bytes(), bytes(), bytes()]);
    const broken: Rendering = {
      outcome: "no_preview",
      mediaType: "image/png",
      reason: "broken",
      pageCount: null,
    };
    const answers = [photo("1"), broken, photo("3", ["blurred"])];
    await processOnce(world.ports, bell, { renderer: standInRenderer((_job, before) => answers[before]!) });
    const document = await seen(bell);
    expect(document).toMatchObject({
      state: "stored",
      reason: "no_preview_broken",
      pageCount: 3,
      legibility: [{ page: 1 }, { page: 3, reasons: ["blurred"] }],
    });
    expect(
      document.files.map(({ noPreviewReason, detectedType }) => [noPreviewReason, detectedType]),
    ).toEqual([
      [null, "image/jpeg"],
      ["broken", "image/png"],
      [null, "image/jpeg"],
    ]);
    expect(document.artefacts.map(({ name }) => name)).toContain("page-3");
  });
});

describe("a PDF among photos", () => {
  it("is counted with all of its pages, and its text is found by the page it stands on", async () => {
    const bell = await received([bytes(), bytes(), bytes()]);
    const answers = [photo("1"), pdf(2, ["alpha", " ", "gam\0ma"]), photo("3", ["dark"])];
    await processOnce(world.ports, bell, { renderer: standInRenderer((_job, before) => answers[before]!) });
    expect(await seen(bell)).toMatchObject({
      pageCount: 5,
      legibility: [{ page: 1 }, { page: 2 }, { page: 3 }, { page: 5, reasons: ["dark"] }],
    });
    const texts = await query(
      world,
      "select page, body from page_text where document_id = $1 order by page",
      [bell.documentId],
    );
    expect(texts).toEqual([
      { page: 2, body: "alpha" },
      { page: 4, body: "gamma" },
    ]);
  });

  it("may have more pages of text than a statement has parameters", async () => {
    const files = Array.from({ length: 40 }, () => bytes());
    const bell = await received(files);
    const text = Array.from({ length: 500 }, (_, at) => `page ${at}`);
    expect(await processOnce(world.ports, bell, { renderer: standInRenderer(() => pdf(1, text)) })).toBe(
      "stored",
    );
    const counted = await query(
      world,
      "select count(*)::int as pages, max(page) as last from page_text where document_id = $1",
      [bell.documentId],
    );
    expect(counted).toEqual([{ pages: 20_000, last: 20_000 }]);
  });

  it("with a mebibyte of words on one page is stored all the same", async () => {
    const bell = await received();
    const words = Array.from({ length: 150_000 }, (_, n) => `w${n.toString(36).padStart(5, "z")}`).join(" ");
    expect(
      await processOnce(world.ports, bell, { renderer: standInRenderer(() => pdf(1, [words, "tail"])) }),
    ).toBe("stored");
    const found = await query(
      world,
      "select page from page_text where document_id = $1 and search @@ to_tsquery('simple', 'wzzzz1 | tail') order by page",
      [bell.documentId],
    );
    expect(found).toEqual([{ page: 1 }, { page: 2 }]);
  });

  it("with more text than can be indexed in time is stored, and found by what comes first", async () => {
    const bell = await received([bytes(), bytes(), bytes()]);
    const page = "word ".repeat(14_000); // more than counts of a page
    const text = ["first", ...Array.from({ length: 15 }, () => page), "last"];
    expect(await processOnce(world.ports, bell, { renderer: standInRenderer(() => pdf(1, text)) })).toBe(
      "stored",
    );
    const [kept] = await query(
      world,
      `select sum(length(body))::int as characters, max(page) as last, count(*) filter (where body = 'last')::int as ends
       from page_text where document_id = $1`,
      [bell.documentId],
    );
    expect(kept).toEqual({ characters: 2 * 1024 * 1024, last: 37, ends: 2 });
  });
});

describe("a document that cannot be taken", () => {
  const cases: [string, Rendering, string][] = [
    ["is of another type", { outcome: "unsupported", detected: "a GIF picture" }, "unsupported_type"],
    [
      "has too many pixels",
      { outcome: "over_limit", mediaType: "image/png", limit: "megapixels", actual: 101, allowed: 100 },
      "too_many_pixels",
    ],
    [
      "is too long on one side",
      { outcome: "over_limit", mediaType: "image/png", limit: "side", actual: 20_000, allowed: 16_384 },
      "side_too_long",
    ],
    [
      "has too many pages",
      { outcome: "over_limit", mediaType: "application/pdf", limit: "pages", actual: 501, allowed: 500 },
      "too_many_pages",
    ],
  ];
  it.each(cases)(
    "because it %s is rejected, with the page named and what to do, and stays in staging",
    async (_why, rendering, reason) => {
      const bell = await received([bytes(), bytes()]);
      const renderer = standInRenderer((_job, before) => (before === 0 ? photo() : rendering));
      expect(await processOnce(world.ports, bell, { renderer })).toBe("rejected");
      expect(await seen(bell)).toMatchObject({
        state: "rejected",
        reason,
        detail: expect.stringMatching(/^Page 2 of 2 .+\. .+\.$/),
        version: 3,
        artefacts: [],
      });
      expect(await vaultKeys(bell.documentId)).toEqual([]);
      const staged = await query(world, "select staging_key from document_file where document_id = $1", [
        bell.documentId,
      ]);
      for (const { staging_key } of staged)
        expect(await world.ports.objects.head(staging_key as string)).not.toBeNull();
      const events = await query(
        world,
        "select data from outbox where document_id = $1 and type = 'document.rejected'",
        [bell.documentId],
      );
      expect(events).toEqual([{ data: { ownerId: world.dora.userId, reason } }]);
    },
  );

  it.each(["another SHA-256", "another length"])(
    "because a page has %s than was announced is rejected before any child sees it",
    async (what) => {
      const bell = await received([bytes(), bytes()]);
      const change = what === "another SHA-256" ? "sha256 = repeat('0', 64)" : "size_bytes = size_bytes + 1";
      await query(world, `update document_file set ${change} where document_id = $1 and position = 2`, [
        bell.documentId,
      ]);
      const renderer = standInRenderer();
      expect(await processOnce(world.ports, bell, { renderer })).toBe("rejected");
      expect(await seen(bell)).toMatchObject({
        state: "rejected",
        reason: "checksum_mismatch",
        detail: expect.stringMatching(/^Page 2 of 2 changed/),
      });
      expect(renderer.jobs).toEqual([]);
    },
  );
});

describe("a document that cannot be shown", () => {
  it.each(["broken", "encrypted", "timed_out", "out_of_memory", "decoder_crashed"] as const)(
    "is stored with its original and says why: %s",
    async (reason) => {
      const bell = await received();
      const renderer = standInRenderer(() => ({
        outcome: "no_preview",
        mediaType: "application/pdf",
        reason,
        pageCount: null,
      }));
      expect(await processOnce(world.ports, bell, { renderer })).toBe("stored");
      const document = await seen(bell);
      expect(document).toMatchObject({
        state: "stored",
        reason: `no_preview_${reason}`,
        detail: expect.stringMatching(/^The original is safe\. .+\.$/),
        pageCount: 1,
      });
      expect(document.artefacts).toMatchObject([
        { name: "original-1", mediaType: "application/pdf", sha256: document.files[0]!.sha256 },
      ]);
    },
  );

  it("because its child dies twice is stored after two children, and the deaths are counted", async () => {
    const bell = await received();
    const renderer = standInRenderer(() => crashed("out_of_memory"));
    expect(await processOnce(world.ports, bell, { renderer })).toBe("stored");
    expect(renderer.jobs.map(({ tight }) => tight)).toEqual([false, true]);
    expect(await rowOf(world, bell)).toMatchObject({
      decode_crashes: 2,
      reason: "no_preview_out_of_memory",
      claims: 0,
      retries: 0,
    });
  });
});

describe("bytes before row, row before acknowledgement", () => {
  it("every artefact is put and read back before anything is recorded, and the bell is answered last", async () => {
    const order: string[] = [];
    const note =
      <A extends unknown[], R>(what: string | ((...args: A) => string), act: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        const result = await act(...args);
        order.push(typeof what === "string" ? what : what(...args));
        return result;
      };
    const { objects, keys, database } = world.ports;
    const last = (key: string) => key.split("/").at(-1)!;
    const ports: ProcessPorts = {
      ...world.ports,
      objects: {
        ...objects,
        put: note((key) => `put ${last(key)}`, objects.put),
        read: note((key) => `read ${last(key)}`, objects.read),
      },
      keys: { ...keys, generateDataKey: note("key", keys.generateDataKey) },
      database: {
        ...database,
        inOneTrip: (tenantId, work) =>
          note("commit", database.inOneTrip<never>)(tenantId, work as never) as never,
        withTenant: (tenantId, work) =>
          note("commit", database.withTenant<never>)(tenantId, work as never) as never,
      },
    };
    const bell = await received();
    const outcome = await processOnce(ports, bell);
    order.push(`answer ${outcome}`);
    const steps = order.map((step) => step.replace(/^(read|put) (?!original|page|thumbnail).*/, "$1 staged"));
    expect([steps[0], steps[1], steps[2]]).toEqual(["commit", "read staged", "key"]);
    expect(steps.slice(-2)).toEqual(["commit", "answer stored"]);
    for (const name of ["original-1", "page-1", "thumbnail-1"]) {
      expect(steps.filter((step) => step.endsWith(name))).toEqual([`put ${name}`, `read ${name}`]);
    }
    expect(steps.filter((step) => step === "commit")).toHaveLength(2);
    expect(steps.filter((step) => step === "key")).toHaveLength(1);
  });

  it("vault keys and the manifest name the attempt that won", async () => {
    const bell = await received();
    await processOnce(world.ports, bell);
    const { lease_token: token } = await rowOf(world, bell);
    for (const { attempt, vault_key } of await manifestOf(bell)) {
      expect(attempt).toBe(token);
      expect((vault_key as string).split("/").at(-2)).toBe(token);
    }
    expect(
      await query(world, "select attempt from document_key where document_id = $1", [bell.documentId]),
    ).toEqual([{ attempt: token }]);
  });
});

it("a doorbell for what is settled, unknown or another's changes nothing, however often it rings", async () => {
  const bell = await received();
  await processOnce(world.ports, bell);
  const before = await rowOf(world, bell);
  const rings = [bell, bell, { ...bell, tenantId: world.franz.tenantId }];
  for (const ring of rings) expect(await processOnce(world.ports, ring)).toBe("skipped");
  expect(await rowOf(world, bell)).toEqual(before);
});

it("a document that was claimed is worked on once it may; a bell with nothing to do asks nobody", async () => {
  const bell = await received();
  const seenThen: unknown[] = [];
  const rendered = standInRenderer(() => (seenThen.push("rendered"), photo()));
  const mayBegin = async () => void seenThen.push((await rowOf(world, bell))["state"]);
  const options = {
    renderer: rendered,
    worker: "worker:test",
    stopping: new AbortController().signal,
    mayBegin,
  };
  expect((await processDocument(world.ports, bell, options)).outcome).toBe("stored");
  expect((await processDocument(world.ports, bell, options)).outcome).toBe("skipped");
  expect(seenThen).toEqual(["processing", "rendered"]);
});

it("many doorbells at once make one stored document, one key and one event", async () => {
  const bell = await received();
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => processOnce(world.ports, bell)));
  expect(outcomes.toSorted()).toEqual(["skipped", "skipped", "skipped", "skipped", "skipped", "stored"]);
  const versions = await query(world, "select version from outbox where document_id = $1 order by id", [
    bell.documentId,
  ]);
  expect(versions).toEqual([{ version: 1 }, { version: 2 }, { version: 3 }]);
});

it("a document's files lie in a directory of its own, closed to others, and only while it is worked on", async () => {
  const places: string[] = [];
  const renderer = standInRenderer(async ({ path }, before) => {
    places.push(dirname(path));
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    return before === 0 ? photo() : { outcome: "unsupported", detected: null };
  });
  for (const outcome of ["stored", "rejected"])
    expect(await processOnce(world.ports, await received(), { renderer })).toBe(outcome);
  expect(new Set(places).size).toBe(2);
  for (const place of places) await expect(stat(place)).rejects.toThrow("ENOENT");
});

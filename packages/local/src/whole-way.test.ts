import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Client } from "@strongroom/cli/client";
import { downloadArtefact } from "@strongroom/cli/download-artefact";
import { followDocument } from "@strongroom/cli/follow-document";
import { uploadDocument } from "@strongroom/cli/upload-document";
import type { DocumentView } from "@strongroom/core/api-shapes";
import { withClient } from "@strongroom/core/database/roles";
import type { Faults } from "@strongroom/core/embedded/faults";
import { systemIds } from "@strongroom/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { padJpeg } from "./test-files.ts";
import { findFaults } from "./test-invariants.ts";
import { seededRandom } from "./test-random.ts";
import { startWhole, untilQuiet, type WholeSystem } from "./test-whole.ts";

const samples = join(import.meta.dirname, "..", "samples");
const sample = (name: string) => join(samples, name);
const program = join(import.meta.dirname, "../../../proof/check/verify-receipt.ts");
const seed = 20_261_120;

describe("the whole way of documents", () => theWholeWay(null));

describe(`the whole way over a queue and a stream that duplicate, reorder, delay and lose answers (seed ${seed})`, () => {
  theWholeWay({ random: seededRandom(seed), duplicate: 0.2, reorder: 0.2, delayMs: 50, loseAnswer: 0.2 });
});

type Sent = { client: Client; paths: string[]; document: DocumentView };
type World = {
  system: WholeSystem;
  scratch: string;
  /** By the name that the test gives it. */
  sent: Map<string, Sent>;
  notices: Notice[];
};
type Notice = { tag: string; documentId: string; type: string; version: string };

function theWholeWay(faults: Faults | null): void {
  let world: World;

  beforeAll(async () => {
    // With faults, answers are lost with what they carried, and come again after their time: it is shortened.
    const system = await startWhole(faults ? { faults, timeDivisor: 20 } : {});
    world = {
      system,
      scratch: await mkdtemp(join(tmpdir(), "strongroom-sent-")),
      sent: new Map(),
      notices: [],
    };
    await sendAll(world);
    await untilQuiet(system.superuser);
  }, 90_000);
  afterAll(async () => {
    await world.system.close();
    await rm(world.scratch, { recursive: true });
  });

  const of = (name: string): Sent => world.sent.get(name)!;

  test.each([
    ["photo", 1, ["image/jpeg"]],
    ["three pages", 3, ["image/jpeg", "image/jpeg", "image/jpeg"]],
    ["HEIC", 1, ["image/heic"]],
    ["PDF", 2, ["application/pdf"]],
    ["photo of 20 MiB", 1, ["image/jpeg"]],
  ])("stores a %s with its pages, thumbnails and originals", (name, pages, types) => {
    const { document } = of(name);
    expect(document).toMatchObject({
      state: "stored",
      reason: null,
      pageCount: pages,
      confirmationCode: expect.stringMatching(/^\w{4}-\w{4}$/),
    });
    expect(document.files.map((file) => file.detectedType)).toEqual(types);
    const names = document.artefacts.map((artefact) => artefact.name);
    const numbers = Array.from({ length: pages }, (_, index) => index + 1);
    expect(names).toEqual(
      expect.arrayContaining(numbers.flatMap((page) => [`page-${page}`, `thumbnail-${page}`])),
    );
    expect(names.filter((one) => one.startsWith("original-"))).toHaveLength(types.length);
  });

  test("joins the pages of one document into one PDF", () => {
    const combined = of("three pages").document.artefacts.find(({ name }) => name === "combined");
    expect(combined).toMatchObject({ mediaType: "application/pdf" });
  });

  test("stores a blurred photo and says so of its page", () => {
    expect(of("blurred").document).toMatchObject({
      state: "stored",
      legibility: [{ page: 1, reasons: ["blurred"] }],
    });
    expect(of("photo").document.legibility).toEqual([{ page: 1, reasons: [] }]);
  });

  test("rejects a file that is no document, with a reason and what to do", () => {
    expect(of("broken").document).toMatchObject({
      state: "rejected",
      reason: "unsupported_type",
      detail: expect.stringMatching(/\w+\.$/),
    });
  });

  test("tells that the same content is on file already, but not whose it is", () => {
    expect(of("duplicate").document).toMatchObject({ state: "stored", duplicate: { documentId: null } });
    expect(of("photo").document.duplicate).toBeNull();
  });

  test("gives every original back, bit for bit", async () => {
    for (const { client, paths, document } of stored(world)) {
      for (const [index, path] of paths.entries()) {
        const back = await read(world, client, document, `original-${index + 1}`);
        expect(back.equals(await readFile(path)), `${path} of ${document.id}`).toBe(true);
      }
    }
  });

  test("gives out receipts that an independent program finds to hold, for these files and no others", async () => {
    const keys = join(world.scratch, "keys.json");
    await writeFile(keys, JSON.stringify(await of("photo").client.call("receiptKeys", {})));
    for (const { client, paths, document } of stored(world)) {
      const receipt = join(world.scratch, `${document.id}.jws`);
      await writeFile(receipt, await client.call("readReceipt", { params: { id: document.id } }));
      const verify = (files: string[]) =>
        promisify(execFile)(process.execPath, [program, receipt, keys, ...files]);
      expect((await verify(paths)).stdout).toContain(
        `document ${document.id} with ${paths.length} original(s) was stored`,
      );
      if (paths.length > 1) await expect(verify([sample("broken.jpg")])).rejects.toMatchObject({ code: 1 });
    }
  });

  test("gives no receipt for what it did not keep", async () => {
    const { client, document } = of("broken");
    await expect(client.call("readReceipt", { params: { id: document.id } })).rejects.toMatchObject({
      problem: { status: 409, code: "no_receipt_yet" },
    });
  });

  test("finds a PDF by a word on its second page", async () => {
    const { client, document } = of("PDF");
    const found = await client.call("listDocuments", { query: { search: "deduction" } });
    expect(found.documents.map(({ id }) => id)).toEqual([document.id]);
    expect((await client.call("listDocuments", { query: { search: "Zürich" } })).documents).toEqual([]);
  });

  test("shows a driver's document to the tenant's agent, and to nobody else", async () => {
    const { document, paths } = of("photo");
    const agnes = await world.system.clientOf("Agnes Holm");
    expect((await agnes.call("showDocument", { params: { id: document.id } })).document.id).toBe(document.id);
    expect((await read(world, agnes, document, "original-1")).equals(await readFile(paths[0]!))).toBe(true);
    expect(
      (await agnes.call("showDocument", { params: { id: of("duplicate").document.id } })).document.duplicate,
    ).toEqual({ documentId: document.id });
    for (const name of ["Emil Berg", "Franz Huber", "Greta Moser", "Hans Gruber"]) {
      const other = await world.system.clientOf(name);
      for (const route of ["showDocument", "readReceipt", "completeUpload", "signUploads"] as const) {
        await expect(
          other.call(route, { params: { id: document.id } }),
          `${route} as ${name}`,
        ).rejects.toMatchObject({ problem: { status: 404, code: "not_found" } });
      }
    }
  });

  test("tells the driver's phone once of each document, without any content", async () => {
    const mine = ["photo", "blurred"].map((name) => of(name).document);
    const expected = mine.map(({ id, version }) => ({
      tag: `${id}.${version}`,
      documentId: id,
      type: "document.stored.v1",
      version: String(version),
      sentAt: expect.any(String),
    }));
    expect(world.notices.toSorted(byTag)).toEqual(expected.toSorted(byTag));
  });

  test("sends each push once", async () => {
    const rows = await withClient(
      world.system.superuser,
      async (client) =>
        (
          await client.query(
            "select last_place::int as sends, (select count(*)::int from embedded.push_inbox i where i.token = t.token) as tags from embedded.push_token t",
          )
        ).rows,
    );
    expect(rows).toEqual([{ sends: 2, tags: 2 }]);
  });

  test("leaves events without a gap, an audit that verifies, and a vault in which all is accounted for", async () => {
    await untilQuiet(world.system.superuser); // reading left traces, too
    expect(await findFaults(world.system.superuser, world.system.directory)).toEqual([]);
  });
}

const stored = ({ sent }: World): Sent[] =>
  [...sent.values()].filter(({ document }) => document.state === "stored");
const byTag = (a: { tag: string }, b: { tag: string }) => (a.tag < b.tag ? -1 : 1);

/** All documents at once, as drivers send them, and the duplicate when the first of its kind is there. */
async function sendAll(world: World): Promise<void> {
  const { system, scratch, notices } = world;
  const [dora, emil, franz] = await Promise.all(
    ["Dora Lind", "Emil Berg", "Franz Huber"].map((name) => system.clientOf(name)),
  );
  await dora!.call("registerDevice", {
    params: { id: systemIds.uuid() },
    body: { platform: "web", pushToken: "phone of Dora" },
  });
  const listening = listen(system.url, "phone of Dora", notices);
  const large = join(scratch, "large.jpg");
  await writeFile(large, padJpeg(await readFile(sample("cmr-1.jpg")), 20 * 1024 * 1024));
  const send = async (name: string, client: Client, paths: string[]) => {
    const { id } = await uploadDocument(client, { id: systemIds.uuid(), kind: "cmr", paths });
    world.sent.set(name, { client, paths, document: await followDocument(client, id) });
  };
  await Promise.all([
    send("photo", dora!, [sample("delivery-note.jpg")]),
    send("three pages", emil!, ["cmr-1.jpg", "cmr-2.jpg", "cmr-3.jpg"].map(sample)),
    send("HEIC", franz!, [sample("licence.heic")]),
    send("PDF", franz!, [sample("invoice.pdf")]),
    send("blurred", dora!, [sample("blurred.jpg")]),
    send("broken", emil!, [sample("broken.jpg")]),
    send("photo of 20 MiB", franz!, [large]),
  ]);
  await send("duplicate", emil!, [sample("delivery-note.jpg")]);
  await listening.until(2);
}

/** A phone that listens: every notice that comes, as its app would get it. */
function listen(url: string, token: string, notices: Notice[]) {
  const enough = new Map<number, () => void>();
  const reading = (async () => {
    const response = await fetch(`${url}/notices/${encodeURIComponent(token)}`);
    const lines = response.body!.pipeThrough(new TextDecoderStream());
    let text = "";
    for await (const piece of lines) {
      text += piece;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (data) notices.push(JSON.parse(data) as Notice);
        enough.get(notices.length)?.();
      }
    }
  })();
  const until = (count: number) =>
    notices.length >= count ? Promise.resolve() : new Promise<void>((resolve) => enough.set(count, resolve));
  return { until: (count: number) => Promise.race([until(count), reading]) };
}

async function read(world: World, client: Client, document: DocumentView, name: string): Promise<Buffer> {
  const artefact = document.artefacts.find((one) => one.name === name)!;
  const path = join(world.scratch, `${document.id}-${name}`);
  await downloadArtefact(client, document.id, artefact, path, new AbortController().signal);
  return await readFile(path);
}

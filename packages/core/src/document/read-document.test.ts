import { randomBytes } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  photo,
  picture,
  processOnce,
  query,
  receive,
  standInRenderer,
} from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256Hex } from "../digest.ts";
import { Refusal } from "../errors.ts";
import type { Doorbell } from "../job/ring-doorbell.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, actorName } from "../user/user.ts";
import { cacheKey } from "../user/find-actor.ts";
import { issueTicket } from "./issue-ticket.ts";
import { type Content, readDocument, verifiedWholeBytes } from "./read-document.ts";
import { type TicketFacts, writeTicket } from "./ticket.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

/** A stored document; its files must differ from all others where bytes are compared. */
async function stored(files: Uint8Array[], actor = world.dora): Promise<Doorbell> {
  const bell = await receive(world, actor, files);
  const renderer = standInRenderer(
    (_job, before) =>
      ({ ...photo(`${bell.documentId} ${before}`), captureFacts: { make: "Nokia" } }) as never,
  );
  expect(await processOnce(world.ports, bell, { renderer })).toBe("stored");
  return bell;
}

async function ticketFor(actor: Actor, documentId: string, artefact = "original-1"): Promise<string> {
  const { url } = await issueTicket(world.ports, actor, { documentId, artefact });
  return new URL(url).searchParams.get("ticket")!;
}

async function read(
  { documentId }: Doorbell,
  artefact = "original-1",
  actor = world.dora,
  ports: Ports = world.ports,
): Promise<Content> {
  return await readDocument(ports, {
    documentId,
    artefact,
    ticket: await ticketFor(actor, documentId, artefact),
  });
}

/** What comes out of a stream, and how it ended. */
async function drink(body: Content["body"]): Promise<{ bytes: Buffer; error: Error | null }> {
  if (!(body instanceof Readable)) throw new Error("not a stream");
  const chunks: Buffer[] = [];
  const sink = new Writable({ write: (chunk: Buffer, _encoding, done) => (chunks.push(chunk), done()) });
  const error = await pipeline(body, sink).then(
    () => null,
    (fault: Error) => fault,
  );
  return { bytes: Buffer.concat(chunks), error };
}

const refusal = async (reading: Promise<unknown>): Promise<Refusal> => {
  const outcome = await reading.then(
    () => null,
    (error: unknown) => error,
  );
  if (outcome instanceof Refusal) return outcome;
  throw new Error("not refused", { cause: outcome });
};

describe("a stored document is read back", () => {
  it("byte for byte, as the file that was sent, to be saved and not shown", async () => {
    const bytes = randomBytes(70_000);
    const content = await read(await stored([bytes]));
    expect(content).toMatchObject({
      mediaType: "image/jpeg",
      sizeBytes: 70_000,
      sha256: sha256Hex(bytes),
      fileName: "page 1.jpg",
      disposition: "attachment",
    });
    expect(Buffer.from(content.body as Uint8Array).equals(bytes)).toBe(true);
  });

  it("in every other form that was made of it, to be shown", async () => {
    const bell = await stored([randomBytes(10), randomBytes(11)]);
    const contents = new Map<string, Buffer>();
    for (const artefact of ["page-2", "thumbnail-1", "combined", "capture-facts"]) {
      const { body, disposition, fileName } = await read(bell, artefact);
      contents.set(fileName, Buffer.from(body as Uint8Array));
      expect(disposition).toBe(artefact === "combined" ? "attachment" : "inline"); // no browser shows a PDF in a sandbox
    }
    const { documentId: id } = bell;
    const { "combined.pdf": combined, ...others } = Object.fromEntries(contents);
    expect(others).toEqual({
      "page-2.jpg": picture(`rendition ${id} 1`),
      "thumbnail-1.jpg": picture(`thumbnail ${id} 0`),
      "capture-facts.json": Buffer.from(
        JSON.stringify([
          { position: 1, make: "Nokia" },
          { position: 2, make: "Nokia" },
        ]),
      ),
    });
    for (const page of [0, 1]) expect(combined!.includes(picture(`rendition ${id} ${page}`))).toBe(true);
  });

  it("whole up to 6 MiB, as a stream above", async () => {
    expect(verifiedWholeBytes).toBe(6 * 1024 * 1024);
    for (const size of [verifiedWholeBytes - 1, verifiedWholeBytes, verifiedWholeBytes + 1]) {
      const bytes = randomBytes(size);
      const { body } = await read(await stored([bytes]));
      expect(body instanceof Readable).toBe(size > verifiedWholeBytes);
      const got = body instanceof Readable ? (await drink(body)).bytes : Buffer.from(body);
      expect(got.equals(bytes)).toBe(true);
    }
  });

  it("by its owner and by the agent of the tenant", async () => {
    const bell = await stored([randomBytes(12)]);
    for (const actor of [world.dora, world.agnes])
      expect((await read(bell, "original-1", actor)).sizeBytes).toBe(12);
  });

  it("only after it was noted who reads what, and the fact goes out on the audit topic", async () => {
    const bell = await stored([randomBytes(13)]);
    const notes = () =>
      query(world, "select actor, detail from audit where subject = $1 and action = 'document.read'", [
        bell.documentId,
      ]);
    const whenOpened: object[][] = [];
    const objects = {
      ...world.ports.objects,
      read: async (key: string) => (whenOpened.push(await notes()), await world.ports.objects.read(key)),
    };
    const ticket = await ticketFor(world.agnes, bell.documentId);
    await readDocument(
      { ...world.ports, objects },
      { documentId: bell.documentId, artefact: "original-1", ticket },
    );
    expect(whenOpened).toEqual([[{ actor: actorName(world.agnes), detail: { artefact: "original-1" } }]]);
    const events = await query(
      world,
      "select topic, version, data from outbox where document_id = $1 and type = 'document.read'",
      [bell.documentId],
    );
    expect(events).toEqual([
      { topic: "audit", version: 3, data: { readerId: world.agnes.userId, artefact: "original-1" } },
    ]);
  });
});

describe("a ticket", () => {
  it("is a URL of this deployment that names document and artefact and says when it ends", async () => {
    const bell = await stored([randomBytes(14)]);
    const now = new Date("2031-02-03T04:05:06.007Z");
    const { url, expiresAt } = await issueTicket(
      { ...world.ports, clock: { ...world.ports.clock, now: () => now } },
      world.dora,
      { documentId: bell.documentId, artefact: "page-1" },
    );
    expect(
      url.startsWith(
        `${world.config.publicUrl}/v1/documents/${bell.documentId}/content?artefact=page-1&ticket=`,
      ),
    ).toBe(true);
    expect(expiresAt).toBe("2031-02-03T04:06:06.007Z");
  });

  it("opens for 60 seconds: one millisecond before its end, not at it", async () => {
    const { documentId } = await stored([randomBytes(15)]);
    const { url, expiresAt } = await issueTicket(world.ports, world.dora, {
      documentId,
      artefact: "original-1",
    });
    const ticket = new URL(url).searchParams.get("ticket")!;
    const readAt = (ms: number) =>
      readDocument(
        { ...world.ports, clock: { ...world.ports.clock, now: () => new Date(ms) } },
        { documentId, artefact: "original-1", ticket },
      );
    expect((await readAt(Date.parse(expiresAt) - 1)).sizeBytes).toBe(15);
    expect(await refusal(readAt(Date.parse(expiresAt)))).toMatchObject({
      code: "invalid_ticket",
      status: 403,
    });
  });

  it("opens nothing but what it names", async () => {
    const [one, two] = [await stored([randomBytes(16)]), await stored([randomBytes(17)])];
    const ticket = await ticketFor(world.dora, one.documentId);
    const asked = [
      { documentId: two.documentId, artefact: "original-1" },
      { documentId: one.documentId, artefact: "page-1" },
    ];
    for (const other of asked)
      expect(await refusal(readDocument(world.ports, { ...other, ticket }))).toMatchObject({
        code: "invalid_ticket",
      });
  });

  it("that is forged, altered or empty opens nothing, and nothing is noted or read", async () => {
    const { documentId } = await stored([randomBytes(18)]);
    const ticket = await ticketFor(world.dora, documentId);
    const facts = {
      ...world.dora,
      documentId,
      artefact: "original-1",
      expiresAtMs: Date.now() + 1_000,
    } as unknown as TicketFacts;
    const objects = { ...world.ports.objects, read: () => Promise.reject(new Error("was read")) };
    const forged = [
      "",
      "x",
      writeTicket(randomBytes(32), facts),
      ticket.slice(1),
      `${ticket}.`,
      ticket.replace(".", "A."),
    ];
    for (const one of forged) {
      expect(
        await refusal(
          readDocument({ ...world.ports, objects }, { documentId, artefact: "original-1", ticket: one }),
        ),
      ).toMatchObject({ code: "invalid_ticket" });
    }
    expect(
      await query(world, "select id from audit where subject = $1 and action = 'document.read'", [
        documentId,
      ]),
    ).toEqual([]);
  });

  it("is not made for a document that this person may not see, nor opens one that they may see no more", async () => {
    const { documentId } = await stored([randomBytes(19)]);
    for (const stranger of [world.emil, world.franz]) {
      expect(await refusal(ticketFor(stranger, documentId))).toMatchObject({
        code: "not_found",
        status: 404,
      });
      const facts = {
        tenantId: stranger.tenantId,
        userId: stranger.userId,
        documentId,
        artefact: "original-1",
        expiresAtMs: Date.now() + 60_000,
      } as TicketFacts;
      const ticket = writeTicket(world.config.secrets.ticketKey, facts);
      expect(
        await refusal(readDocument(world.ports, { documentId, artefact: "original-1", ticket })),
      ).toMatchObject({ code: "not_found", status: 404 });
    }
  });

  it("of a person who was switched off, or is unknown, opens nothing", async () => {
    const { documentId } = await stored([randomBytes(20)]);
    const ticket = await ticketFor(world.agnes, documentId);
    const ask = (one: string) =>
      refusal(readDocument(world.ports, { documentId, artefact: "original-1", ticket: one }));
    await query(world, "update app_user set disabled_at = now() where id = $1", [world.agnes.userId]);
    await world.ports.cache.delete(cacheKey(world.agnes));
    expect(await ask(ticket)).toMatchObject({ code: "disabled", status: 403 });
    await query(world, "update app_user set disabled_at = null where id = $1", [world.agnes.userId]);
    await world.ports.cache.delete(cacheKey(world.agnes));
    const nobody = {
      tenantId: world.dora.tenantId,
      userId: newDocumentId() as never,
      documentId: documentId as never,
      artefact: "original-1",
      expiresAtMs: Date.now() + 60_000,
    };
    expect(await ask(writeTicket(world.config.secrets.ticketKey, nobody))).toMatchObject({
      code: "unknown_person",
      status: 403,
    });
  });
});

describe("what is not there is refused", () => {
  it("with the state named while the document is not stored", async () => {
    const { documentId } = await receive(world, world.dora, [randomBytes(21)]);
    expect(await refusal(ticketFor(world.dora, documentId))).toMatchObject({
      code: "not_stored",
      status: 409,
      message: expect.stringContaining("received"),
    });
    await processOnce(
      world.ports,
      { tenantId: world.dora.tenantId, documentId: documentId as never },
      { renderer: standInRenderer(() => ({ outcome: "unsupported", detected: null })) },
    );
    expect(await refusal(ticketFor(world.dora, documentId))).toMatchObject({
      code: "not_stored",
      message: expect.stringContaining("rejected"),
    });
  });

  it("when it moved between ticket and reading", async () => {
    const { documentId } = await stored([randomBytes(22)]);
    const ticket = await ticketFor(world.dora, documentId);
    for (const [state, code] of [
      ["archived", "not_stored"],
      ["erased", "not_found"],
    ]) {
      await query(world, "update document set state = $2 where id = $1", [documentId, state]);
      expect(
        await refusal(readDocument(world.ports, { documentId, artefact: "original-1", ticket })),
      ).toMatchObject({ code });
    }
  });

  it("when the document has no such part, or does not exist", async () => {
    const { documentId } = await stored([randomBytes(23)]);
    expect(await refusal(ticketFor(world.dora, documentId, "page-2"))).toMatchObject({
      code: "no_such_artefact",
      status: 404,
    });
    expect(await refusal(ticketFor(world.dora, newDocumentId()))).toMatchObject({
      code: "not_found",
      status: 404,
    });
  });
});

describe("a vault that was tampered with", () => {
  const keyOf = async ({ documentId }: Doorbell, artefact = "original-1") =>
    (
      await query<{ vault_key: string; sealed_size_bytes: string }>(
        world,
        "select vault_key, sealed_size_bytes from artefact where document_id = $1 and name = $2",
        [documentId, artefact],
      )
    )[0]!;

  /** Changes the sealed bytes of an artefact on disk and leaves the facts behind them as they are. */
  async function change(
    bell: Doorbell,
    how: (sealed: Buffer) => Buffer | Promise<Buffer>,
    artefact = "original-1",
  ): Promise<void> {
    const { path, sealed, facts } = await lying(bell, artefact);
    await chmod(path, 0o600);
    await writeFile(path, Buffer.concat([await how(sealed), facts]));
  }

  async function lying(bell: Doorbell, artefact = "original-1") {
    const { vault_key, sealed_size_bytes } = await keyOf(bell, artefact);
    const path = join(world.directory, "objects", "vault", `${vault_key.slice(2)}@`);
    const file = await readFile(path);
    return {
      path,
      sealed: file.subarray(0, Number(sealed_size_bytes)),
      facts: file.subarray(Number(sealed_size_bytes)),
    };
  }

  /** Nothing comes out up to 6 MiB; above, a true prefix and then a destroyed stream. */
  async function expectCaught(bell: Doorbell, original: Buffer, ports: Ports = world.ports): Promise<void> {
    const reading = read(bell, "original-1", world.dora, ports);
    if (original.length <= verifiedWholeBytes) {
      const outcome = await reading.then(
        () => "released",
        (error: unknown) => error,
      );
      expect(outcome).toBeInstanceOf(Error);
      expect(outcome).not.toBeInstanceOf(Refusal);
      return;
    }
    const { bytes, error } = await reading.then(
      ({ body }) => drink(body),
      (fault: Error) => ({ bytes: Buffer.alloc(0), error: fault }),
    );
    expect(error).toBeInstanceOf(Error);
    expect(bytes.length).toBeLessThan(original.length);
    expect(bytes.equals(original.subarray(0, bytes.length))).toBe(true);
  }

  /** A store that notices nothing itself. */
  async function trusting(bell: Doorbell, how: (sealed: Buffer) => Buffer): Promise<Ports> {
    const { sealed } = await lying(bell);
    return {
      ...world.ports,
      objects: { ...world.ports.objects, read: async () => Readable.from([how(sealed)]) },
    };
  }

  const flip = (at: (length: number) => number) => (sealed: Buffer) =>
    Buffer.from(sealed.with(at(sealed.length), sealed[at(sealed.length)]! ^ 4));
  const changes: [string, (sealed: Buffer) => Buffer][] = [
    ["a bit of its header is flipped", flip(() => 40)],
    ["a bit in its middle is flipped", flip((length) => length >> 1)],
    ["its last bit is flipped", flip((length) => length - 1)],
    ["its last byte is cut off", (sealed) => sealed.subarray(0, -1)],
    ["half of it is cut off", (sealed) => sealed.subarray(0, sealed.length >> 1)],
    ["all of it is gone", () => Buffer.alloc(0)],
    ["a byte follows it", (sealed) => Buffer.concat([sealed, Buffer.alloc(1)])],
  ];

  it.each(changes)("releases no byte of a small artefact when %s", async (_what, how) => {
    const original = randomBytes(300_000);
    const bell = await stored([original]);
    await expectCaught(bell, original, await trusting(bell, how));
    await change(bell, how);
    await expectCaught(bell, original);
  });

  it.each(changes)("never ends the stream of a large one cleanly when %s", async (_what, how) => {
    const bell = await large();
    await expectCaught(bell, big, await trusting(bell, how));
    const { path } = await lying(bell);
    const before = await readFile(path);
    await change(bell, how);
    await expectCaught(bell, big);
    await writeFile(path, before);
  });

  it.each(["two documents", "two artefacts", "two tenants"])(
    "releases nothing when what lies under %s is exchanged",
    async (between) => {
      const [a, b] = [randomBytes(1_000), randomBytes(1_000)];
      const one = await stored(between === "two artefacts" ? [a, b] : [a]);
      const two =
        between === "two artefacts"
          ? one
          : await stored([b], between === "two tenants" ? world.franz : world.dora);
      const name = between === "two artefacts" ? "original-2" : "original-1";
      const [first, second] = [
        Buffer.from((await lying(one)).sealed),
        Buffer.from((await lying(two, name)).sealed),
      ];
      expect(first.length).toBe(second.length);
      await change(one, () => second);
      await change(two, () => first, name);
      await expectCaught(one, a);
      const reader = between === "two tenants" ? world.franz : world.dora;
      await expect(read(two, name, reader)).rejects.toThrow();
    },
  );

  it("releases nothing when the wrapped key is altered, exchanged, or said to be another attempt's", async () => {
    const [original, other] = [randomBytes(1_000), await stored([randomBytes(1_000)])];
    const edits = [
      "update document_key set wrapped = set_byte(wrapped, 40, get_byte(wrapped, 40) # 1) where document_id = $1",
      `update document_key set wrapped = (select wrapped from document_key where document_id = '${other.documentId}') where document_id = $1`,
      "update artefact set attempt = attempt + 1 where document_id = $1",
      "update artefact set sha256 = repeat('0', 64) where document_id = $1",
      "update artefact set size_bytes = size_bytes - 1 where document_id = $1",
      "update artefact set size_bytes = size_bytes - 1, sealed_size_bytes = sealed_size_bytes - 1 where document_id = $1",
    ];
    for (const edit of edits) {
      const bell = await stored([original]);
      await query(world, edit, [bell.documentId]);
      await expectCaught(bell, original);
    }
  });

  const big = randomBytes(verifiedWholeBytes + 300_000);
  let bigBell: Doorbell | null = null;
  const large = async () => (bigBell ??= await stored([big]));
});

it("a reader who leaves in the middle of a stream disturbs nobody", async () => {
  const { body } = await read(await stored([randomBytes(verifiedWholeBytes + 1)]));
  const stream = body as Readable;
  await new Promise((resolve) => stream.once("data", resolve));
  stream.destroy();
  await new Promise((resolve) => stream.once("close", resolve));
  expect(stream.readableEnded).toBe(false);
});

import {
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from "@aws-crypto/client-node";
import fc from "fast-check";
import { spawn } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { NotAsStored } from "../errors.ts";
import { type Addressee, frameBytes, open, openSealed, seal, sealedLength } from "./sealing.ts";

const to: Addressee = {
  tenantId: randomUUID(),
  documentId: randomUUID(),
  artefact: "original-1",
  attempt: "42",
};
const dataKey = randomBytes(32);
const sizes = [0, 1, frameBytes - 1, frameBytes, frameBytes + 1, 3 * frameBytes + 7];
const frame = frameBytes + 32;
const headerBytes = sealedLength(to, 0) - 40;

type Outcome = { error: Error | null; plaintext: Buffer };

/** Runs bytes through a stream, in chunks, and keeps whatever came out before the end or the fault. */
async function run(stream: NodeJS.ReadWriteStream, bytes: Uint8Array, chunkBytes = 65_536): Promise<Outcome> {
  const released: Buffer[] = [];
  const sink = new Writable({ write: (chunk: Buffer, _encoding, done) => (released.push(chunk), done()) });
  const error = await pipeline(
    Readable.from(chunksOf(bytes, chunkBytes), { objectMode: false }),
    stream,
    sink,
  ).then(
    () => null,
    (fault: Error) => fault,
  );
  return { error, plaintext: Buffer.concat(released) };
}

function* chunksOf(bytes: Uint8Array, chunkBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function sealed(plaintext: Uint8Array, addressee = to, key = dataKey): Promise<Buffer> {
  const { error, plaintext: message } = await run(seal(addressee, key), plaintext);
  if (error) throw error;
  return message;
}

const manifestOf = (plaintext: Uint8Array) => ({
  sizeBytes: plaintext.length,
  sha256: createHash("sha256").update(plaintext).digest("hex"),
  sealedSizeBytes: sealedLength(to, plaintext.length),
});

/** Refused by every way of opening, and nothing but a true prefix came out. */
async function expectRefused(message: Uint8Array, plaintext: Uint8Array, addressee = to, key = dataKey) {
  for (const stream of [
    open(addressee, key),
    open(addressee, key, plaintext.length),
    openSealed(addressee, key, {
      ...manifestOf(plaintext),
      sealedSizeBytes: sealedLength(addressee, plaintext.length),
    }),
  ]) {
    const outcome = await run(stream, message);
    expect(outcome.error).toBeInstanceOf(Error);
    expect(outcome.plaintext.equals(plaintext.subarray(0, outcome.plaintext.length))).toBe(true);
  }
}

const flipped = (bytes: Uint8Array, at: number, bit = 0) => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1 << bit;
  return copy;
};

const plaintext = randomBytes(3 * frameBytes + 7);
const message = await sealed(plaintext);
const small = randomBytes(100);
const smallMessage = await sealed(small);

describe("a sealed document", () => {
  test.each(sizes)(
    "of %i bytes opens to the same bytes, and its length is known beforehand",
    async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes);
      const sealedBytes = await sealed(bytes);
      expect(sealedBytes.length).toBe(sealedLength(to, sizeBytes));
      for (const stream of [
        open(to, dataKey),
        open(to, dataKey, sizeBytes),
        openSealed(to, dataKey, manifestOf(bytes)),
      ]) {
        const opened = await run(stream, sealedBytes);
        expect(opened.error).toBeNull();
        expect(opened.plaintext.equals(bytes)).toBe(true);
      }
    },
  );

  test("has the length foretold and opens for any size, addressee and chunking", async () => {
    const name = fc.string({ minLength: 1, maxLength: 40 });
    const addressee = fc.record({ tenantId: name, documentId: name, artefact: name, attempt: name });
    const cases = fc.tuple(addressee, fc.uint8Array({ maxLength: 2_000 }), fc.integer({ min: 1, max: 700 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([anyone, bytes, chunkBytes]) => {
        const sealedBytes = await sealed(bytes, anyone);
        const opened = await run(open(anyone, dataKey, bytes.length), sealedBytes, chunkBytes);
        expect([sealedBytes.length, opened.error]).toEqual([sealedLength(anyone, bytes.length), null]);
        expect(opened.plaintext.equals(bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test.each([1, 17, frameBytes, 1_048_576])(
    "opens when it arrives in chunks of %i bytes",
    async (chunkBytes) => {
      const [bytes, sealedBytes] = chunkBytes === 1 ? [small, smallMessage] : [plaintext, message];
      const opened = await run(open(to, dataKey, bytes.length), sealedBytes, chunkBytes);
      expect(opened).toEqual({ error: null, plaintext: bytes });
    },
  );

  test("leaves the caller's data key as it was", async () => {
    const key = Uint8Array.from(dataKey);
    await run(open(to, key), await sealed(small, to, Buffer.from(key.buffer)));
    expect(Buffer.from(key).equals(dataKey)).toBe(true);
  });

  test("is refused a data key that has not 32 bytes", () => {
    for (const length of [31, 33]) expect(() => seal(to, randomBytes(length))).toThrow();
  });

  test.each(["tenantId", "documentId", "artefact", "attempt"] as const)(
    "does not open under another %s",
    async (part) => {
      for (const other of [randomUUID(), to[part].slice(0, -1) || "0", `${to[part]} `]) {
        await expectRefused(smallMessage, small, { ...to, [part]: other });
      }
    },
  );

  test("does not open under another data key", async () => {
    await expectRefused(smallMessage, small, to, randomBytes(32));
  });

  test("made with another suite, frame length or context under the same key is refused before any plaintext", async () => {
    const context = {
      app: "strongroom",
      tenant: to.tenantId,
      document: to.documentId,
      artefact: "original-1",
      attempt: "42",
    };
    const asOurs = { suiteId: 0x0478, frameLength: frameBytes, encryptionContext: context };
    const forged = [
      { ...asOurs, suiteId: 0x0578 }, // signed
      { ...asOurs, suiteId: 0x0178 }, // no commitment
      { ...asOurs, suiteId: 0x0078 }, // neither commitment nor key derivation
      { ...asOurs, frameLength: 4_096 },
      { ...asOurs, encryptionContext: { ...context, app: "weakroom" } },
      { ...asOurs, encryptionContext: { ...context, extra: "" } },
    ];
    const genuine = await run(open(to, dataKey), await sealedByHand(asOurs));
    expect(genuine).toEqual({ error: null, plaintext: small });
    for (const options of forged) {
      const outcome = await run(open(to, dataKey), await sealedByHand(options));
      expect(outcome.error, JSON.stringify(options)).toBeInstanceOf(Error);
      expect(outcome.plaintext.length).toBe(0);
    }
  });
});

async function sealedByHand(options: object): Promise<Buffer> {
  const commits = "suiteId" in options && Number(options.suiteId) > 0x0400;
  const { REQUIRE_ENCRYPT_REQUIRE_DECRYPT, FORBID_ENCRYPT_ALLOW_DECRYPT } = CommitmentPolicy;
  const sdk = buildClient(commits ? REQUIRE_ENCRYPT_REQUIRE_DECRYPT : FORBID_ENCRYPT_ALLOW_DECRYPT);
  const keyring = new RawAesKeyringNode({
    keyNamespace: "strongroom",
    keyName: to.documentId,
    unencryptedMasterKey: Uint8Array.from(dataKey),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  });
  return (await sdk.encrypt(keyring, small, options)).result;
}

describe("a changed message is refused, and only a true prefix of the plaintext is released", () => {
  test("a bit of any header byte is flipped", async () => {
    for (let at = 0; at < headerBytes; at += 1) {
      // In one chunk and in several: the SDK tells of a fault otherwise when more is to come.
      for (const [sealedBytes, bytes] of [
        [smallMessage, small],
        [message, plaintext],
      ] as const) {
        const opening = openSealed(to, dataKey, manifestOf(bytes));
        const outcome = await run(opening, flipped(sealedBytes, at, at % 8));
        expect(outcome.error, `byte ${at}`).toBeInstanceOf(NotAsStored);
        expect(outcome.plaintext.length).toBe(0);
      }
    }
  });

  const edges = [0, 1, 3, 4, 15, 16, 17, frame - 17, frame - 16, frame - 1]; // sequence, IV, content, tag
  const finalEdges = [0, 3, 4, 7, 8, 19, 20, 23, 24, 30, 31, 46]; // marker, sequence, IV, length, content, tag
  const places = [0, 1, 2]
    .flatMap((n) => edges.map((at) => n * frame + at))
    .concat(finalEdges.map((at) => 3 * frame + at));
  test("a bit of a sequence number, IV, length, content or tag is flipped", async () => {
    for (const at of places) await expectRefused(flipped(message, headerBytes + at, at % 8), plaintext);
  });

  test("it is cut anywhere", async () => {
    const lengths = places.map((at) => headerBytes + at).concat([0, 1, headerBytes - 1]);
    for (const length of lengths) await expectRefused(message.subarray(0, length), plaintext);
    const anywhere = fc.integer({ min: 0, max: message.length - 1 });
    const cut = fc.asyncProperty(anywhere, (length) => expectRefused(message.subarray(0, length), plaintext));
    await fc.assert(cut, { numRuns: 40 });
  });

  test("a bit is flipped anywhere, whatever the chunking", async () => {
    const case_ = fc.tuple(fc.nat(message.length - 1), fc.nat(7), fc.integer({ min: 5_000, max: 400_000 }));
    await fc.assert(
      fc.asyncProperty(case_, async ([at, bit, chunkBytes]) => {
        const outcome = await run(open(to, dataKey), flipped(message, at, bit), chunkBytes);
        expect(outcome.error).toBeInstanceOf(Error);
        expect(outcome.plaintext.equals(plaintext.subarray(0, outcome.plaintext.length))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["one byte", () => Buffer.alloc(1)],
    ["100 bytes", () => randomBytes(100)],
    ["a copy of itself", () => message],
    ["another whole message", () => smallMessage],
  ])("%s is appended", async (_title, more) => {
    await expectRefused(Buffer.concat([message, more()]), plaintext);
    await expectRefused(Buffer.concat([smallMessage, more()]), small);
  });

  test("an endless tail is cut off as soon as it exceeds the known length", async () => {
    let sent = 0;
    const endless = async function* () {
      yield smallMessage;
      for (;;) yield Buffer.alloc(65_536, (sent += 1));
    };
    const opening = open(to, dataKey, small.length);
    await expect(
      pipeline(endless, opening, new Writable({ write: (_c, _e, done) => done() })),
    ).rejects.toThrow("longer than");
    expect(sent).toBeLessThan(8);
  });

  test("its frames are reordered, dropped, repeated or spliced with another message under the same key", async () => {
    const other = await sealed(randomBytes(plaintext.length));
    const header = message.subarray(0, headerBytes);
    const [one, two, three] = [0, 1, 2].map((n) =>
      message.subarray(headerBytes + n * frame, headerBytes + (n + 1) * frame),
    );
    const last = message.subarray(headerBytes + 3 * frame);
    const otherTwo = other.subarray(headerBytes + frame, headerBytes + 2 * frame);
    for (const parts of [
      [header, two!, one!, three!, last],
      [header, one!, three!, last],
      [header, one!, two!, last],
      [header, one!, one!, two!, three!, last],
      [header, last],
      [header, one!, otherTwo, three!, last],
      [other.subarray(0, headerBytes), one!, two!, three!, last],
      [header, other.subarray(headerBytes)],
    ]) {
      await expectRefused(Buffer.concat(parts), plaintext);
    }
  });
});

describe("a manifest", () => {
  test("of another length or digest fails the stream, though every frame is genuine", async () => {
    const manifest = manifestOf(small);
    const shorter = { ...manifest, sizeBytes: 99, sealedSizeBytes: sealedLength(to, 99) };
    const longer = { ...manifest, sizeBytes: 101, sealedSizeBytes: sealedLength(to, 101) };
    const otherDigest = { ...manifest, sha256: manifestOf(plaintext).sha256 };
    for (const wrong of [shorter, longer, otherDigest]) {
      expect((await run(openSealed(to, dataKey, wrong), smallMessage)).error).toBeInstanceOf(Error);
    }
  });

  test("that contradicts itself is refused at once", () => {
    for (const off of [-1, 1]) {
      const wrong = { ...manifestOf(small), sealedSizeBytes: smallMessage.length + off };
      expect(() => openSealed(to, dataKey, wrong)).toThrow("does not fit");
    }
  });
});

describe("a stream that is given up", () => {
  const program = `
    import { open, seal } from ${JSON.stringify(new URL("./sealing.ts", import.meta.url).href)};
    import { setImmediate as turn } from "node:timers/promises";
    const to = ${JSON.stringify(to)};
    const key = new Uint8Array(32).fill(7);
    const chunk = Buffer.alloc(100_000, 1);
    const message = [];
    const whole = seal(to, key);
    for (let i = 0; i < 8; i += 1) whole.write(chunk);
    whole.end();
    for await (const part of whole) message.push(part);
    for (const make of [seal, open]) {
      for (const turns of [0, 1, 2, 5, 20, 100]) {
        for (const reading of [true, false]) {
          const stream = make(to, key);
          stream.on("error", () => {});
          if (reading) stream.resume();
          const input = make === seal ? Array(8).fill(chunk) : message;
          for (const part of input) stream.write(part);
          for (let i = 0; i < turns; i += 1) await turn();
          if (turns % 2) stream.end();
          stream.destroy(turns % 5 ? new Error("client gone") : undefined);
        }
      }
    }
    console.log("all given up");
  `;
  test("raises nothing outside of itself and holds no process open, sealing or opening, at any moment", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "--expose-gc", "--eval", program]);
    const [output, faults, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ]);
    expect({ output, faults, code }).toEqual({ output: "all given up\n", faults: "", code: 0 });
  });

  test.each([
    ["sealing", seal],
    ["opening", open],
  ] as const)("fails the pipeline it stands in: %s", async (_title, make) => {
    const gone = new Error("client gone");
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(gone) });
    const input = make === seal ? plaintext : message;
    await expect(pipeline(Readable.from(chunksOf(input, 65_536)), make(to, dataKey), sink)).rejects.toBe(
      gone,
    );
    const source = Readable.from(
      (async function* () {
        yield input.subarray(0, 300_000);
        throw gone;
      })(),
    );
    await expect(
      pipeline(source, make(to, dataKey), new Writable({ write: (_c, _e, done) => done() })),
    ).rejects.toBe(gone);
  });
});

test("a slow sink holds the source back: no more than 4 MiB of 64 MB are ever under way", async () => {
  const total = 64_000_000;
  const chunk = Buffer.alloc(64_000, 3);
  const underWay = { most: 0 };
  let [taken, released] = [0, 0];
  const source = function* () {
    for (; taken < total; taken += chunk.length) {
      underWay.most = Math.max(underWay.most, taken - released);
      yield chunk;
    }
  };
  const slow = new Writable({
    highWaterMark: 65_536,
    write: (part: Buffer, _encoding, done) => {
      released += part.length;
      setImmediate(done);
    },
  });
  await pipeline(source, seal(to, dataKey), open(to, dataKey, total), slow);
  expect(released).toBe(total);
  expect(underWay.most).toBeLessThan(4 * 1_048_576);
});

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { sha256Hex } from "../digest.ts";
import { createEmbeddedKeys } from "../embedded/keys.ts";
import { createEmbeddedObjects } from "../embedded/objects.ts";
import { fingerprintOf } from "../fingerprint.ts";
import type { Keys } from "../ports/keys.ts";
import type { Objects } from "../ports/objects.ts";
import type { Artefact } from "./list-artefacts.ts";
import { dataKeyContext, sealDocument, vaultKey } from "./seal-document.ts";
import { frameBytes, openSealed } from "./sealing.ts";

const root = await mkdtemp(join(tmpdir(), "strongroom-seal-"));
afterAll(() => rm(root, { recursive: true }));
const keys = await createEmbeddedKeys({ directory: join(root, "keys") });
const objects = createEmbeddedObjects({
  root: join(root, "objects"),
  publicUrl: "http://127.0.0.1:1/objects",
  signingKey: randomBytes(32),
  clock: systemClock,
});

const tenantId = randomUUID();
const artefactOf = (name: string, bytes: Uint8Array): Artefact => ({
  name,
  mediaType: "image/jpeg",
  sizeBytes: bytes.length,
  sha256: sha256Hex(bytes),
  fingerprint: fingerprintOf(bytes),
  givesChunks: false,
  open: () => Readable.from([bytes]),
});

/** Everything that happened at the ports, in order, and what the keys gave out. */
function watched(overrides: Partial<Objects> = {}) {
  const [calls, dataKeys]: [string[], Uint8Array[]] = [[], []];
  const watchedObjects: Objects = {
    ...objects,
    put: async (key, ...rest) => {
      calls.push(`put ${key.split("/").at(-1)}`);
      return await (overrides.put ?? objects.put)(key, ...rest);
    },
    read: async (key) => {
      calls.push(`read ${key.split("/").at(-1)}`);
      return await (overrides.read ?? objects.read)(key);
    },
  };
  const watchedKeys: Keys = {
    ...keys,
    generateDataKey: async (context) => {
      calls.push("key");
      const made = await keys.generateDataKey(context);
      dataKeys.push(made.plaintext);
      return made;
    },
  };
  return { calls, dataKeys, ports: { objects: watchedObjects, keys: watchedKeys } };
}

function sealing(
  artefacts: Artefact[],
  { documentId = randomUUID() as string, token = 42, signal = new AbortController().signal } = {},
) {
  return { tenantId, documentId, token, artefacts, signal };
}

/** The files of the vault that hold this document. */
async function vaultFiles(documentId: string): Promise<string[]> {
  const names = await readdir(join(root, "objects", "vault"), { recursive: true });
  return names.filter((name) => name.includes(documentId) && name.endsWith("@"));
}

describe("a document that is sealed", () => {
  it("lies in the vault artefact by artefact, and opens again with its wrapped key", async () => {
    const contents = new Map([
      ["original-1", randomBytes(300_000)],
      ["page-1", randomBytes(1)],
      ["thumbnail-1", randomBytes(0)],
    ]);
    const { ports } = watched();
    const made = sealing([...contents].map(([name, bytes]) => artefactOf(name, bytes)));
    const sealed = await sealDocument(ports, made);
    expect(sealed.artefacts.map(({ name }) => name)).toEqual([...contents.keys()]);
    for (const artefact of sealed.artefacts) {
      const head = (await objects.head(artefact.vaultKey))!;
      expect(head).toMatchObject({
        versionId: artefact.versionId,
        sizeBytes: artefact.sealedSizeBytes,
        sha256: artefact.sealedSha256,
      });
      const dataKey = await keys.openDataKey(
        sealed.wrappedKey,
        dataKeyContext(tenantId, made.documentId, 42),
      );
      const to = { tenantId, documentId: made.documentId, artefact: artefact.name, attempt: "42" };
      const opened = await buffer(
        (await objects.read(artefact.vaultKey)).pipe(openSealed(to, dataKey, artefact)),
      );
      expect(opened.equals(contents.get(artefact.name)!)).toBe(true);
    }
  });

  it.each([
    ["whole frames", [4 * frameBytes, 4 * frameBytes, 5]],
    [
      "frames that are out of step with the pieces",
      [100, frameBytes, frameBytes - 100, frameBytes - 9, 9, 4 * frameBytes, 7, frameBytes],
    ],
  ])("is itself although its pieces are given away, read in %s", async (_how, sizes) => {
    const bytes = randomBytes(sizes.reduce((sum, size) => sum + size, 0));
    const pieces = function* () {
      let at = 0;
      for (const size of sizes) yield Buffer.from(Uint8Array.from(bytes.subarray(at, (at += size))).buffer);
    };
    const given: Uint8Array[] = [];
    const open = () => Readable.from(pieces()).on("data", (piece: Buffer) => void given.push(piece));
    const made = sealing([{ ...artefactOf("original-1", bytes), givesChunks: true, open }]);
    const sealed = await sealDocument(watched().ports, made);
    const dataKey = await keys.openDataKey(sealed.wrappedKey, dataKeyContext(tenantId, made.documentId, 42));
    const to = { tenantId, documentId: made.documentId, artefact: "original-1", attempt: "42" };
    const [artefact] = sealed.artefacts;
    const opened = (await objects.read(artefact!.vaultKey)).pipe(openSealed(to, dataKey, artefact!));
    expect((await buffer(opened)).equals(bytes)).toBe(true);
    expect(given.some(({ length }) => length === 0)).toBe(true);
  });

  it("gives back the memory of what was given to it, also of less than a frame, once it is sealed", async () => {
    const [given, kept] = [Uint8Array.from(randomBytes(100)), Uint8Array.from(randomBytes(100))];
    const artefacts = [{ ...artefactOf("page-1", given), givesChunks: true }, artefactOf("page-2", kept)];
    await sealDocument(watched().ports, sealing(artefacts));
    expect([given.length, kept.length]).toEqual([0, 100]);
  });

  it("has one data key of its own, however many artefacts it has", async () => {
    const { ports, calls } = watched();
    const artefacts = Array.from({ length: 9 }, (_, n) => artefactOf(`page-${n + 1}`, randomBytes(20)));
    const [one, two] = [
      await sealDocument(ports, sealing(artefacts)),
      await sealDocument(ports, sealing(artefacts)),
    ];
    expect(calls.filter((call) => call === "key")).toHaveLength(2);
    expect(one.wrappedKey).not.toEqual(two.wrappedKey);
    expect(one.rootKeyId).toBe(two.rootKeyId);
  });

  it("is read back, each artefact after it was put", async () => {
    const { ports, calls } = watched();
    await sealDocument(
      ports,
      sealing([artefactOf("original-1", randomBytes(10)), artefactOf("page-1", randomBytes(10))]),
    );
    for (const name of ["original-1", "page-1"]) {
      expect(calls.filter((call) => call.endsWith(name))).toEqual([`put ${name}`, `read ${name}`]);
    }
    expect(calls[0]).toBe("key");
  });

  it("leaves no key behind in memory, whether it went well or not", async () => {
    const well = watched();
    await sealDocument(well.ports, sealing([artefactOf("original-1", randomBytes(10))]));
    const badly = watched({ put: () => Promise.reject(new Error("the vault is full")) });
    await expect(
      sealDocument(badly.ports, sealing([artefactOf("original-1", randomBytes(10))])),
    ).rejects.toThrow();
    expect([...well.dataKeys, ...badly.dataKeys].map((key) => Buffer.from(key).toString("hex"))).toEqual([
      "0".repeat(64),
      "0".repeat(64),
    ]);
  });
});

describe("vault keys", () => {
  it("name tenant, document, attempt and artefact below two digits that spread them", () => {
    const documentId = randomUUID();
    const spread = createHash("sha256").update(documentId).digest("hex").slice(0, 2);
    expect(vaultKey({ tenantId, documentId, attempt: "7", artefact: "page-3" })).toBe(
      `v/${spread}/${tenantId}/${documentId}/7/page-3`,
    );
  });

  it("of two attempts are two: neither overwrites the other", async () => {
    const documentId = randomUUID();
    const { ports } = watched();
    const artefacts = [artefactOf("original-1", randomBytes(100))];
    await sealDocument(ports, sealing(artefacts, { documentId, token: 1 }));
    await sealDocument(ports, sealing(artefacts, { documentId, token: 2 }));
    expect(await vaultFiles(documentId)).toHaveLength(2);
  });

  it("that are taken end the attempt: whatever lies there is not ours", async () => {
    const made = sealing([artefactOf("original-1", randomBytes(100))]);
    const { ports } = watched();
    await sealDocument(ports, made);
    await expect(sealDocument(ports, made)).rejects.toThrow(/vault key of this very attempt is taken/);
  });
});

describe("an attempt ends in an error, and records nothing,", () => {
  /** Puts well, then changes one bit of the file on disk before it is read back. */
  const rotten =
    (at: (size: number) => number): Objects["put"] =>
    async (...args) => {
      const outcome = await objects.put(...args);
      const path = join(root, "objects", "vault", `${args[0].slice(2)}@`);
      const bytes = await readFile(path);
      await chmod(path, 0o600);
      const place = at(args[2].sizeBytes);
      await writeFile(path, bytes.with(place, bytes[place]! ^ 1));
      return outcome;
    };

  it.each([
    ["the first", () => 0],
    ["a middle", (size: number) => size >> 1],
    ["the last", (size: number) => size - 1],
  ])("when the vault gives back %s byte changed", async (_where, at) => {
    const { ports } = watched({ put: rotten(at) });
    await expect(
      sealDocument(ports, sealing([artefactOf("original-1", randomBytes(5_000))])),
    ).rejects.toThrow(/gave back other bytes/);
  });

  it("when the vault lost what it had acknowledged", async () => {
    const put: Objects["put"] = async (...args) => {
      const outcome = await objects.put(...args);
      if (outcome.outcome === "created") await objects.remove(args[0], outcome.versionId);
      return outcome;
    };
    await expect(
      sealDocument(watched({ put }).ports, sealing([artefactOf("original-1", randomBytes(10))])),
    ).rejects.toThrow(/no object/);
  });

  it("when what is sealed is not what was measured before: other bytes of the same length, fewer, more", async () => {
    const measured = artefactOf("original-1", randomBytes(5_000));
    for (const bytes of [randomBytes(5_000), randomBytes(4_999), randomBytes(5_001)]) {
      const made = sealing([{ ...measured, open: () => Readable.from([bytes]) }]);
      await expect(sealDocument(watched().ports, made)).rejects.toThrow();
      expect(await vaultFiles(made.documentId)).toEqual([]);
    }
  });

  it("when a file of the attempt cannot be read, without waiting for the put that never gets its bytes", async () => {
    const open = () =>
      new Readable({
        read() {
          this.destroy(new Error("the disk is gone"));
        },
      });
    const made = sealing([{ ...artefactOf("original-1", randomBytes(10)), open }]);
    await expect(sealDocument(watched().ports, made)).rejects.toThrow();
    expect(await vaultFiles(made.documentId)).toEqual([]);
  });

  it("with the fault of the vault as its cause", async () => {
    const { ports } = watched({ put: () => Promise.reject(new Error("the vault is full")) });
    const error = await sealDocument(ports, sealing([artefactOf("original-1", randomBytes(10))])).catch(
      (fault: Error) => fault,
    );
    expect([(error as Error).message, ((error as Error).cause as Error | undefined)?.message]).toContain(
      "the vault is full",
    );
  });
});

it("a vault that fails in the middle of a body is told as the vault's fault, not as that of a broken stream", async () => {
  const put: Objects["put"] = async (_key, body) => {
    for await (const _chunk of body) throw new Error("the disk is full");
    return { outcome: "exists" };
  };
  const artefacts = [artefactOf("original-1", randomBytes(3_000_000)), artefactOf("page-1", randomBytes(10))];
  await expect(sealDocument(watched({ put }).ports, sealing(artefacts))).rejects.toThrow("the disk is full");
});

describe("an attempt that is told to stop", () => {
  const never = new Promise<never>(() => {});
  const untilAborted: Objects["put"] = (_key, body, { signal }) => {
    body.on("error", () => {});
    return new Promise((_resolve, reject) =>
      signal!.addEventListener("abort", () => reject(signal!.reason as Error)),
    );
  };

  it.each<[string, Partial<Objects>]>([
    ["put", { put: untilAborted }],
    ["read", { read: () => never }],
    ["stream back", { read: async () => new Readable({ read() {} }) }],
  ])("ends although the vault hangs in its %s", async (_where, overrides) => {
    const stop = new AbortController();
    const { ports, calls } = watched(overrides);
    const ending = sealDocument(
      ports,
      sealing([artefactOf("original-1", randomBytes(10))], { signal: stop.signal }),
    );
    ending.catch(() => {});
    const last = "put" in overrides ? "put original-1" : "read original-1";
    await expect.poll(() => calls).toContain(last);
    stop.abort(new Error("SIGTERM"));
    await expect(ending).rejects.toThrow();
  });

  it("ends although the keys hang", async () => {
    const stop = new AbortController();
    const ports = { objects, keys: { ...keys, generateDataKey: () => never } };
    const ending = sealDocument(
      ports,
      sealing([artefactOf("original-1", randomBytes(10))], { signal: stop.signal }),
    );
    stop.abort(new Error("SIGTERM"));
    await expect(ending).rejects.toThrow("SIGTERM");
  });
});

it("a fault of one artefact ends the others too: when the attempt is over, nothing of it still runs", async () => {
  let running = 0;
  const put: Objects["put"] = async (key, body, options) => {
    if (key.endsWith("page-2")) throw new Error("the vault is full");
    running += 1;
    body.on("error", () => {});
    try {
      return await new Promise((_resolve, reject) =>
        options.signal!.addEventListener("abort", () => reject(options.signal!.reason as Error)),
      );
    } finally {
      running -= 1;
    }
  };
  const artefacts = [1, 2, 3, 4, 5].map((n) => artefactOf(`page-${n}`, randomBytes(10)));
  const { ports, calls } = watched({ put });
  await expect(sealDocument(ports, sealing(artefacts))).rejects.toThrow();
  expect(running).toBe(0);
  expect(calls).not.toContain("put page-5");
});

import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { systemClock } from "@strongroom/core/clock";
import { sha256Hex } from "@strongroom/core/digest";
import { sealDocument } from "@strongroom/core/document/seal-document";
import { createEmbeddedKeys } from "@strongroom/core/embedded/keys";
import { createEmbeddedObjects } from "@strongroom/core/embedded/objects";
import { systemIds } from "@strongroom/core/ids";
import { type Race, race } from "./race.ts";

const megabytes = 50;

/** Seal, hash, write durably and read back one artefact, beside a bare AES-GCM loop that writes and syncs the same bytes. */
export async function raceSeal(): Promise<Race> {
  setFlagsFromString("--no-incremental-marking"); // as workers are started
  const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-"));
  const bytes = randomBytes(megabytes * 1_000_000);
  const sha256 = sha256Hex(bytes);
  const keys = await createEmbeddedKeys({ directory: join(directory, "keys") });
  const objects = createEmbeddedObjects({
    root: join(directory, "objects"),
    publicUrl: "http://127.0.0.1/objects",
    signingKey: randomBytes(32),
    clock: systemClock,
  });
  let token = 0;
  try {
    return await race({
      name: `seal, hash, write, sync and read back ${megabytes} MB`,
      unit: "MB/s",
      more: true,
      limitName: "bare node:crypto AES-256-GCM loop, SHA-256, write, sync",
      goal: "≥ 250 MB/s per core",
      rounds: 5,
      ours: async () => {
        const artefact = {
          name: "original-1",
          mediaType: "image/jpeg",
          sizeBytes: bytes.length,
          sha256,
          open: () => Readable.from(pieces(bytes)),
        };
        const startedMs = performance.now();
        await sealDocument(
          { objects, keys },
          {
            tenantId: systemIds.uuid(),
            documentId: systemIds.uuid(),
            token: ++token,
            artefacts: [artefact],
            signal: new AbortController().signal,
          },
        );
        return rate(startedMs);
      },
      limit: () => bare(join(directory, "bare"), bytes),
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}

const rate = (startedMs: number): number => (megabytes * 1_000) / (performance.now() - startedMs);

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1_048_576) yield bytes.subarray(at, at + 1_048_576); // as files are read
}

async function bare(path: string, bytes: Buffer): Promise<number> {
  const startedMs = performance.now();
  const [cipher, hash, file] = [
    createCipheriv("aes-256-gcm", randomBytes(32), randomBytes(12)),
    createHash("sha256"),
    await open(path, "w"),
  ];
  for (let at = 0; at < bytes.length; at += 1_048_576) {
    const sealed = cipher.update(bytes.subarray(at, at + 1_048_576));
    hash.update(sealed);
    await file.write(sealed);
  }
  await file.sync();
  await file.close();
  return rate(startedMs);
}

import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { cpuMsOf } from "./cpu.ts";
import { opensslSpeed } from "./openssl-speed.ts";
import { type BenchOptions, figure, type Race, race } from "./race.ts";
import { has, run } from "./run.ts";
import { inScratch } from "./scratch.ts";
import { megabytes, openSealer } from "./sealer.ts";

const name = `seal, hash, write, sync and read back ${megabytes} MB`;

/** Seal, hash, write durably and read back one artefact: beside a bare AES-GCM loop that writes the same, and bare AES-GCM. */
export async function raceSeal({ quick }: BenchOptions): Promise<Race[]> {
  return await inScratch(async (directory) => {
    const bytes = randomBytes(megabytes * 1_000_000);
    const seal = await openSealer(directory, bytes);
    const loop = await race({
      name,
      unit: "MB/s",
      limitName: "bare node:crypto AES-256-GCM loop, SHA-256, write, sync",
      goal: "–",
      isMet: null,
      rounds: quick ? 1 : 5,
      ours: () => rate(seal),
      limit: () => rate(() => bare(join(directory, "bare"), bytes)),
    });
    const cipher = await race({
      name,
      unit: "MB/CPU-s",
      limitName: "openssl speed -evp aes-256-gcm",
      goal: "≥ 250 MB/s per core",
      isMet: (perCore) => perCore >= 250,
      rounds: quick ? 1 : 3,
      ours: async () => (megabytes * 1_000) / (await cpuMsOf(seal)),
      limit: (await has("openssl")) ? () => opensslSpeed("aes-256-gcm", 262_144) : null,
    });
    return [loop, cipher, await memory()];
  });
}

/** In a process of its own, whose memory nothing else has stretched. */
async function memory(): Promise<Race> {
  const script = join(import.meta.dirname, "seal-memory.ts");
  const { stdout } = await run(process.execPath, ["--max-semi-space-size=8", script]);
  return figure(
    {
      name: `memory over base while sealing ${megabytes} MB`,
      unit: "MB",
      limitName: "–",
      goal: "≤ 64 MB",
      isMet: (over) => over <= 64,
    },
    [Number(stdout)],
  );
}

/** Megabytes per second by the wall clock. */
async function rate(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (megabytes * 1_000) / (performance.now() - startedMs);
}

async function bare(path: string, bytes: Buffer): Promise<void> {
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
}

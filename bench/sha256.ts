import { randomBytes } from "node:crypto";
import { sha256Hex } from "@strongroom/core/digest";
import { cpuMsOf } from "./cpu.ts";
import { opensslSpeed } from "./openssl-speed.ts";
import { type BenchOptions, type Race, race } from "./race.ts";
import { has } from "./run.ts";

const megabytes = 200;

/** Hashing as every file is hashed, beside `openssl speed`. */
export async function raceSha256({ quick }: BenchOptions): Promise<Race> {
  const bytes = randomBytes(megabytes * 1_000_000);
  return await race({
    name: "SHA-256",
    unit: "MB/CPU-s",
    limitName: "openssl speed -evp sha256",
    goal: "≥ 0.9 × the limit",
    isMet: (_, ratio) => ratio >= 0.9,
    rounds: quick ? 1 : 5,
    ours: async () => (megabytes * 1_000) / (await cpuMsOf(async () => sha256Hex(bytes))),
    limit: (await has("openssl")) ? () => opensslSpeed("sha256", 65_536) : null,
  });
}

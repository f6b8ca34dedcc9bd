/** Seals one artefact, and writes by how many megabytes the process grew for it at most. */
import { randomBytes } from "node:crypto";
import { peakOver } from "./memory-peak.ts";
import { inScratch } from "./scratch.ts";
import { megabytes, openSealer } from "./sealer.ts";

await inScratch(async (directory) => {
  const seal = await openSealer(directory, randomBytes(megabytes * 1_000_000));
  process.stdout.write(`${(await peakOver(seal)).toFixed(1)}\n`);
});

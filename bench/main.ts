import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { recordResult } from "../proof/promises/result.ts";
import { raceApi } from "./api.ts";
import { raceCombine } from "./combine.ts";
import { raceDatabase } from "./database.ts";
import { raceDocuments } from "./documents.ts";
import { raceHeic } from "./heic.ts";
import { describeMachine } from "./machine.ts";
import { racePdf } from "./pdf.ts";
import { racePhoto } from "./photo.ts";
import type { BenchOptions, Race, Spread } from "./race.ts";
import { raceSeal } from "./seal.ts";
import { raceSha256 } from "./sha256.ts";
import { raceSteady } from "./steady.ts";
import { raceUpload } from "./upload.ts";

/** In the order of the limits that they race against. */
const rows: Record<string, (options: BenchOptions) => Promise<Race | Race[]>> = {
  photo: racePhoto,
  documents: raceDocuments,
  seal: raceSeal,
  upload: raceUpload,
  heic: raceHeic,
  pdf: racePdf,
  combine: raceCombine,
  sha256: raceSha256,
  database: raceDatabase,
  api: raceApi,
  steady: raceSteady,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    files: { type: "string" },
    record: { type: "boolean", default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(rows);
const unknown = names.find((name) => !rows[name]);
if (unknown !== undefined) {
  process.stderr.write(`There is no row “${unknown}”. There are: ${Object.keys(rows).join(", ")}.\n`);
  process.exit(2);
}

const isWhole = names.length === Object.keys(rows).length && !values.quick;
if (values.record && !isWhole) {
  process.stderr.write("--record keeps a whole run: every row, and not --quick.\n");
  process.exit(2);
}

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
const text = ({ min, median, max, runs }: Spread): string =>
  runs === 1 ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;

/** Some lines about one figure. */
function describe({ name, unit, ours, limitName, limit, ratio, goal, met, skipped }: Race): string {
  if (ours === null) return `${name}\n  skipped  ${skipped}\n`;
  const lines = [name, `  ours   ${text(ours)} ${unit}`];
  if (limit) lines.push(`  limit  ${text(limit)} ${unit}   ${limitName}`, `  ratio  ${ratio!.toFixed(2)}`);
  if (goal !== "–") lines.push(`  goal   ${goal}${met === null ? "" : met ? ": met" : ": MISSED"}`);
  return `${lines.join("\n")}\n`;
}

// A system that was started is in a session of its own, and does not hear a Ctrl-C.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const machine = describeMachine();
process.stdout.write(`${machine.text}\n\n`);
const options: BenchOptions = { quick: values.quick, files: values.files ?? null };
const startedMs = performance.now();
const results: (Race & { row: string })[] = [];
const failed: string[] = [];
for (const name of names) {
  try {
    for (const result of [await rows[name]!(options)].flat()) {
      results.push({ row: name, ...result });
      process.stdout.write(describe(result));
    }
  } catch (error) {
    process.stdout.write(`${name}: FAILED, ${(error as Error).stack}\n`); // the other rows can still be measured
    process.exitCode = 1;
    failed.push(name);
  }
}
const judged = results.filter(({ met }) => met !== null);
const seconds = Math.round((performance.now() - startedMs) / 1_000);
process.stdout.write(
  `\n${judged.filter(({ met }) => met).length} of ${judged.length} goals met, ${results.filter(({ skipped }) => skipped).length} rows skipped, ${seconds} s\n`,
);
const at = new Date().toISOString();
const directory = join(import.meta.dirname, "results");
await mkdir(directory, { recursive: true });
const file = values.record ? at.slice(0, 10) : "latest"; // what a record names is of that run
const { text: _, ...where } = machine;
await writeFile(
  join(directory, `${file}.json`),
  `${JSON.stringify({ at, ...where, quick: values.quick, seconds, results }, null, 2)}\n`,
);
process.stdout.write(`written to bench/results/${file}.json\n`);
if (values.record) {
  const met = judged.filter((race) => race.met).length;
  const skipped = results.filter((race) => race.skipped).length;
  const missed = judged.filter((race) => !race.met).map(({ name }) => name);
  recordResult({
    proof: "bench",
    held: met === judged.length && skipped === 0 && failed.length === 0,
    counts: {
      "goals met": met,
      "goals missed": judged.length - met,
      "rows skipped": skipped,
      "rows failed": failed.length,
    },
    detail: { missed, failed, file },
  });
}

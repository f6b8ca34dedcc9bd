import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { raceDocuments } from "./documents.ts";
import { racePhoto } from "./photo.ts";
import type { Race, Spread } from "./race.ts";
import { raceSeal } from "./seal.ts";
import { raceUpload } from "./upload.ts";

const races: Record<string, () => Promise<Race | Race[]>> = {
  photo: racePhoto,
  seal: raceSeal,
  upload: raceUpload,
  documents: raceDocuments,
};

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
const text = ({ min, median, max, runs }: Spread): string =>
  runs === 1 ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(races);
const unknown = names.find((name) => !races[name]);
if (unknown) {
  process.stderr.write(`There is no race “${unknown}”. There are: ${Object.keys(races).join(", ")}.\n`);
  process.exit(2);
}
const results: Race[] = [];
for (const name of names) {
  for (const result of [await races[name]!()].flat()) {
    results.push(result);
    process.stdout.write(
      `${result.name}\n  ours   ${text(result.ours)} ${result.unit}\n` +
        (result.limit
          ? `  limit  ${text(result.limit)} ${result.unit}   ${result.limitName}\n  ratio  ${result.ratio!.toFixed(2)}   goal ${result.goal}\n`
          : `  limit  ${result.limitName}\n`),
    );
  }
}
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.version}`;
const directory = join(import.meta.dirname, "results");
await mkdir(directory, { recursive: true });
await writeFile(
  join(directory, "latest.json"),
  `${JSON.stringify({ at: new Date().toISOString(), machine, results }, null, 2)}\n`,
);
process.stdout.write(`\n${machine}; written to bench/results/latest.json\n`);

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { recordResult } from "../promises/result.ts";
import { plants } from "./plants.ts";
import { playHonest, playPlanted, type Found } from "./run.ts";
import type { Report } from "./worker.ts";

/** Histories of one night. */
const promised = 1_000_000;
/** Histories after which a planted bug counts as not found. */
const mostForPlant = 20_000;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error; // `npm run simulate -- --seed 4711 | head`
});

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20000" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
    planted: { type: "boolean", default: false },
    plant: { type: "string" },
    record: { type: "boolean", default: false },
  },
});
const [seeds, from] = [wholeNumber("seeds", values.seeds), wholeNumber("from", values.from)];
const isWhole = seeds >= 20_000 && !values.planted && values.plant === undefined && values.seed === undefined;
if (values.record && !isWhole)
  refuse("--record keeps a whole run: 20,000 histories or more, and every planted bug.");
const threads = availableParallelism();
if (values.seed !== undefined) await replay(wholeNumber("seed", values.seed));
else {
  const report = values.planted ? null : await playAll();
  const missed = report?.violation ? [] : await playPlants();
  if (values.record) say(`written to ${record(report!, missed)}`);
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  return refuse(`--${name} takes a whole number, not “${text}”.`);
}

function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One history, line by line, with the planted bug that is asked for. */
async function replay(seed: number): Promise<void> {
  const { traceHistory } = await import("./trace-history.ts");
  const { lines, violations } = await traceHistory(seed, values.plant ?? null);
  for (const line of lines ?? []) say(line);
  for (const violation of violations) say(`VIOLATED  ${violation}`);
  say(violations.length === 0 ? `seed ${seed}: all holds` : `seed ${seed}: ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

async function playAll(): Promise<Report> {
  const startedMs = performance.now();
  const report = await playHonest(from, seeds, threads);
  const seconds = (performance.now() - startedMs) / 1_000;
  say(
    `${report.histories} histories, ${report.steps} steps, ${seconds.toFixed(1)} s on ${threads} threads (seeds ${from} to ${from + seeds - 1})`,
  );
  say(`  cleared away at their end, staging and vault judged: ${report.cleared}`);
  say(`  befallen: ${report.faults.map(([kind, count]) => `${kind} ${count}`).join(", ")}`);
  if (report.violation === null) {
    say("  violations: 0");
    return report;
  }
  tellViolation(report);
  return report;
}

function tellViolation({ violation }: Report): void {
  const { seed, lines, violations } = violation!;
  for (const line of lines ?? []) say(line);
  for (const one of violations) say(`VIOLATED  ${one}`);
  say(`seed ${seed} does not hold; see it again with: npm run simulate -- --seed ${seed}`);
  process.exitCode = 1;
}

/** Plants every bug, or the one that is asked for; answers those that were not found. */
async function playPlants(): Promise<string[]> {
  const startedMs = performance.now();
  const names = values.plant === undefined ? plants.map(({ name }) => name) : [values.plant];
  const found = await playPlanted({ names, from, most: mostForPlant, threads }, tellFound);
  const missed = found.filter(({ violation }) => violation === null);
  const seconds = (performance.now() - startedMs) / 1_000;
  say(`${found.length - missed.length} of ${names.length} planted bugs found, ${seconds.toFixed(1)} s`);
  if (missed.length > 0) process.exitCode = 1;
  return missed.map(({ plant }) => plant);
}

/** With a violation no bug was planted: what is found then proves nothing. */
function record({ histories, steps, cleared, faults, violation }: Report, missed: readonly string[]): string {
  const counts = {
    histories,
    steps,
    "cleared away": cleared,
    violations: violation === null ? 0 : 1,
    "planted bugs found": violation === null ? plants.length - missed.length : 0,
    "planted bugs": plants.length,
  };
  return recordResult({
    proof: "simulate",
    held: violation === null && missed.length === 0,
    size: seeds >= promised ? "full" : "small",
    counts,
    detail: { from, befallen: Object.fromEntries(faults), missed, violated: violation?.seed ?? null },
  });
}

function tellFound({ plant, histories, violation }: Found): void {
  const how = violation
    ? `found by seed ${violation.seed}, history ${histories}: ${violation.violations[0]}`
    : `NOT FOUND in ${histories} histories`;
  say(`  ${plant.padEnd(34)} ${how}`);
}

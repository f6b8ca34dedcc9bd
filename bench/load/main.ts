import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "@strongroom/local/test-random";
import { recordResult } from "../../proof/promises/result.ts";
import { drawPhoto } from "../draw-photo.ts";
import { describeMachine } from "../machine.ts";
import { runBacklog } from "./backlog.ts";
import { cleanSpeed } from "./clean-speed.ts";
import { runFlood } from "./flood.ts";
import type { Report, Setting } from "./scenario.ts";
import { runSoak, soakSeconds } from "./soak.ts";
import { startForLoad } from "./started-system.ts";
import { runSteady } from "./steady.ts";

type Scenario = (setting: Setting) => Promise<Report>;
const usual: Record<string, Scenario> = { steady: runSteady, flood: runFlood, backlog: runBacklog };
const scenarios: Record<string, Scenario> = { ...usual, soak: runSoak };

const { values } = parseArgs({
  options: {
    scenario: { type: "string", multiple: true },
    minutes: { type: "string" },
    seed: { type: "string" },
    record: { type: "boolean", default: false },
  },
});
const names = values.scenario ?? Object.keys(usual);
const isSoak = names.join() === "soak";
const unknown = names.find((name) => !scenarios[name]);
const seconds = values.minutes === undefined ? (isSoak ? soakSeconds : 30) : Number(values.minutes) * 60;
const seed = Number(values.seed ?? Date.now() % 1_000_000);
if (unknown !== undefined || !(seconds > 0) || Number.isNaN(seed)) {
  process.stderr.write(
    `npm run load [-- --scenario NAME]… [--minutes N] [--seed N] [--record]; scenarios: ${Object.keys(scenarios).join(", ")}\n`,
  );
  process.exit(2);
}

const isWhole = isSoak ? seconds >= soakSeconds : Object.keys(usual).every((name) => names.includes(name));
if (values.record && !isWhole) {
  process.stderr.write("--record keeps a whole run: every scenario but soak, or soak alone for an hour.\n");
  process.exit(2);
}

const proof = isSoak ? "soak" : "load";

// What was started is in a session of its own, and does not hear a Ctrl-C.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const tell = (line: string) => void process.stdout.write(`  ${line}\n`);
const machine = describeMachine();
process.stdout.write(`${machine.text}\nseed ${seed}, ${seconds} s of load in each scenario\n`);
const photo = await drawPhoto({ width: 1_152, height: 864 });
const system = await startForLoad();
const reports: Report[] = [];
try {
  const clean = await cleanSpeed(system, photo, { documents: 60, times: 5 });
  tell(`clean speed: ${clean.toFixed(1)} documents of one megapixel a second`);
  for (const name of names) {
    process.stdout.write(`\n${name}\n`);
    const random = seededRandom(seed);
    const report = await scenarios[name]!({ system, photo, random, seconds, clean, tell });
    for (const { promise, seen, met } of report.findings)
      tell(`${met ? "kept  " : "BROKEN"}  ${promise}: ${seen}`);
    reports.push(report);
  }
} catch (error) {
  if (values.record)
    recordResult({
      proof,
      held: false,
      counts: { scenarios: reports.length },
      detail: { seed, seconds, error: String(error) },
    });
  throw error;
} finally {
  await system.stop();
}
// A part does not take the place of a whole run.
if (isWhole) {
  const directory = join(import.meta.dirname, "../results");
  await mkdir(directory, { recursive: true });
  const result = { at: new Date().toISOString(), ...machine, seed, seconds, reports };
  await writeFile(
    join(directory, `${result.at.slice(0, 10)}-${proof}.json`),
    `${JSON.stringify(result, null, 2)}\n`,
  );
}
const findings = reports.flatMap((report) => report.findings);
const kept = findings.filter(({ met }) => met).length;
if (values.record)
  recordResult({
    proof,
    held: kept === findings.length,
    counts: { scenarios: reports.length, kept, broken: findings.length - kept },
    detail: { seed, seconds, findings },
  });
if (reports.some(({ findings }) => findings.some(({ met }) => !met))) process.exitCode = 1;

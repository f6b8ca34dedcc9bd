import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { seededRandom } from "@strongroom/local/test-random";
import { readOrRefuse } from "../../proof/promises/command-line.ts";
import { recordResult } from "../../proof/promises/result.ts";
import { drawPhoto } from "../draw-photo.ts";
import { describeMachine } from "../machine.ts";
import { runBacklog, secondsFrozen } from "./backlog.ts";
import { cleanSpeed } from "./clean-speed.ts";
import { runFlood } from "./flood.ts";
import type { Report, Setting } from "./scenario.ts";
import { runSoak } from "./soak.ts";
import { startForLoad } from "./started-system.ts";
import { runSteady } from "./steady.ts";
import { readWish, type ScenarioName } from "./wish.ts";

const scenarios: Record<ScenarioName, (setting: Setting) => Promise<Report>> = {
  steady: runSteady,
  flood: runFlood,
  backlog: runBacklog,
  soak: runSoak,
};

const { names, seconds, whole, seed, record } = readOrRefuse(readWish);
const offered = Object.fromEntries(names.map((name) => [name, seconds[name]]));
const size = whole?.proof === "load" ? { size: whole.size } : {};
/** What a load is large by, beside its scenarios: the promises name minutes. */
const minutes =
  whole?.proof === "load"
    ? {
        "minutes of open loop": seconds.steady / 60,
        "minutes without a processor": secondsFrozen(seconds.backlog) / 60,
      }
    : {};

// What was started is in a session of its own, and does not hear a Ctrl-C.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const tell = (line: string) => void process.stdout.write(`  ${line}\n`);
const machine = describeMachine();
const told = names.map((name) => `${name} ${seconds[name]} s`).join(", ");
process.stdout.write(`${machine.text}\nseed ${seed}; load offered: ${told}\n`);
const photo = await drawPhoto({ width: 1_152, height: 864 });
const system = await startForLoad();
const reports: Report[] = [];
try {
  const clean = await cleanSpeed(system, photo, { documents: 60, times: 5 });
  tell(`clean speed: ${clean.toFixed(1)} documents of one megapixel a second`);
  for (const name of names) {
    process.stdout.write(`\n${name}\n`);
    const random = seededRandom(seed);
    const report = await scenarios[name]({ system, photo, random, seconds: seconds[name], clean, tell });
    for (const { promise, seen, met } of report.findings)
      tell(`${met ? "kept  " : "BROKEN"}  ${promise}: ${seen}`);
    reports.push(report);
  }
} catch (error) {
  if (record && whole)
    recordResult({
      proof: whole.proof,
      ...size,
      held: false,
      counts: { scenarios: reports.length },
      detail: { seed, seconds: offered, error: String(error) },
    });
  throw error;
} finally {
  await system.stop();
}
const findings = reports.flatMap((report) => report.findings);
const kept = findings.filter(({ met }) => met).length;
// A part does not take the place of a whole run, nor does one that was not to be recorded.
if (record && whole) {
  const directory = join(import.meta.dirname, "../results");
  await mkdir(directory, { recursive: true });
  const result = { at: new Date().toISOString(), ...machine, seed, ...size, seconds: offered, reports };
  await writeFile(
    join(directory, `${result.at.slice(0, 10)}-${whole.proof}.json`),
    `${JSON.stringify(result, null, 2)}\n`,
  );
  recordResult({
    proof: whole.proof,
    ...size,
    held: kept === findings.length,
    counts: { scenarios: reports.length, ...minutes, kept, broken: findings.length - kept },
    detail: { seed, seconds: offered, findings },
  });
}
if (reports.some(({ findings }) => findings.some(({ met }) => !met))) process.exitCode = 1;

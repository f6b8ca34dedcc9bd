import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Demands } from "../check/demands.ts";
import { verdictTable } from "../check/judge.ts";
import type { Verdict } from "../check/judged-run.ts";
import type { BrokenBuild } from "./broken-build.ts";
import { brokenBuilds } from "./broken-builds.ts";
import { noDemands } from "./demands-of.ts";
import { recordBrokenBuilds } from "./record-run.ts";
import { runChaos } from "./run.ts";
import type { Sizes, Wish } from "./sizes.ts";

/** Plans that are tried on a build before it counts as not found out: whether a fault shows is partly luck. */
const triesAtMost = 3;

/** What all of them are played with: the injuries of each, and no others. */
const few = { drivers: 8, tenants: 2, large: 0, stops: 2, relayKills: 0 };

/** What became of one broken build; `found` names the promise, `sentence` the violation that gave it away. */
export type Finding = {
  name: string;
  found: string | null;
  sentence: string;
  tries: number;
  seconds: number;
};

/** Runs every broken build until the judge finds it out, or has seen enough; whether it found each of them. */
export async function findBrokenBuilds(
  wish: Wish,
  say: (sentence: string) => void,
  stopping: AbortSignal,
): Promise<boolean> {
  const builds = brokenBuilds.filter(({ name }) => name.includes(wish.only));
  console.log(`broken builds: seed ${wish.seed}, ${builds.length} of ${brokenBuilds.length}`);
  const findings: Finding[] = [];
  for (const [index, build] of builds.entries()) {
    const finding = await findOne(build, wish, wish.seed + 1_000 * index, { say, stopping });
    findings.push(finding);
    say(line(finding));
  }
  const missed = findings.filter(({ found }) => found === null).length;
  console.log(findingTable(findings));
  const control = await runSound(wish, { say, stopping });
  if (control !== null) {
    console.log(control);
    if (wish.record && wish.only === "") recordBrokenBuilds(wish, findings, false);
    return false;
  }
  console.log(
    missed === 0
      ? `each of ${findings.length} broken builds was found out (seed ${wish.seed})`
      : `${missed} BROKEN BUILDS WERE NOT FOUND OUT (seed ${wish.seed})`,
  );
  if (wish.record && wish.only === "") console.log(`written to ${recordBrokenBuilds(wish, findings)}`);
  return missed === 0;
}

/**
 * What is found of the build as it is, played and judged as the broken ones are, with all that is done to and demanded of any: null,
 * or what they show is no fault of theirs.
 */
async function runSound({ sizes, seed }: Wish, { say, stopping }: Aside): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-sound-"));
  const documents = Math.max(...brokenBuilds.map((build) => build.documents));
  const small: Sizes = { ...sizes, ...few, documents };
  const injuries = [...new Set(brokenBuilds.flatMap((build) => build.injuries))];
  const demands: Demands = Object.assign({}, noDemands, ...brokenBuilds.map((build) => build.demands));
  const { verdicts } = await runChaos({
    directory,
    sizes: small,
    seed,
    injuries,
    demands,
    keeps: (judged) => foundOfSound(judged, directory) !== null,
    say: () => {},
    stopping,
  });
  const found = foundOfSound(verdicts, directory);
  if (found === null) await rm(directory, { recursive: true });
  say("the build as it is was judged in the same manner");
  return found;
}

/** What was found of a build that has no fault, and where its run lies; null when that is nothing. */
export function foundOfSound(verdicts: readonly Verdict[], directory: string): string | null {
  const found = verdicts.filter(({ violations, tooSlow = [] }) => violations.length + tooSlow.length > 0);
  if (found.length === 0) return null;
  return `NOTHING IS SHOWN: the same without a fault was found out too; history, dump and data: ${directory}\n${verdictTable(found)}`;
}

type Aside = { say: (sentence: string) => void; stopping: AbortSignal };

async function findOne(
  build: BrokenBuild,
  { sizes, only }: Wish,
  seed: number,
  { say, stopping }: Aside,
): Promise<Finding> {
  const { name, edits, injuries, afterwards, rates, documents } = build;
  const demands = { ...noDemands, ...build.demands };
  const stops = 2 * injuries.filter((kind) => kind === "freeze processor").length;
  const small: Sizes = { ...sizes, ...few, documents, stops };
  const own = { ...small, rates: { ...small.rates, ...rates } };
  const lean = afterwards !== true;
  const quietly = only === "" ? () => {} : say;
  const startedMs = performance.now();
  const seconds = () => Math.round((performance.now() - startedMs) / 1_000);
  for (let tries = 1; ; tries++) {
    const directory = await mkdtemp(join(tmpdir(), "strongroom-broken-"));
    const keeps = (verdicts: readonly Verdict[]) => tries === triesAtMost && findIn(build, verdicts) === null;
    const plan = { directory, sizes: own, seed: seed + tries, edits, injuries, demands, lean, keeps };
    const { verdicts } = await runChaos({ ...plan, say: quietly, stopping });
    const found = findIn(build, verdicts);
    if (found || tries < triesAtMost) await rm(directory, { recursive: true });
    if (found) return { name, ...found, tries, seconds: seconds() };
    if (tries === triesAtMost)
      return { name, found: null, sentence: `kept in ${directory}`, tries, seconds: seconds() };
  }
}

/** The sentence that gives a build away: of the promise that it breaks, and for the reason for which it does. */
export function findIn(
  { found, says }: Pick<BrokenBuild, "found" | "says">,
  verdicts: readonly Verdict[],
): { found: string; sentence: string } | null {
  const broken = verdicts.find(({ id }) => id === found);
  const sentence = broken?.violations.find((one) => says.test(one));
  return sentence === undefined ? null : { found, sentence };
}

const line = ({ name, found, tries, seconds }: Finding): string =>
  `${(found === null ? "NOT FOUND" : `found by ${found}`).padEnd(14)} try ${tries}, ${String(seconds).padStart(4)} s   ${name}`;

/** Every build with the sentence that found it out. */
function findingTable(findings: Finding[]): string {
  return findings.map((finding) => `${line(finding)}\n${" ".repeat(16)}· ${finding.sentence}`).join("\n");
}

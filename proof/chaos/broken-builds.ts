import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verdictTable } from "../check/judge.ts";
import type { Verdict } from "../check/judged-run.ts";
import type { FlakyRates } from "./flaky-ports.ts";
import type { InjuryKind } from "./plan.ts";
import { runChaos } from "./run.ts";
import type { Sizes, Wish } from "./sizes.ts";
import type { SourceEdit } from "./source-edits.ts";

/** A product that is broken on purpose, what provokes it, and the promises of which at least one must be found broken. */
type BrokenBuild = {
  name: string;
  edits: SourceEdit[];
  injuries: InjuryKind[];
  found: string[];
  /** Faults that it takes to see it among few documents. */
  rates?: Partial<FlakyRates>;
  /** Only the attackers find it. */
  afterwards?: boolean;
};

const core = (file: string) => `packages/core/src/${file}`;

/** Each breaks one rule of the design, as small as it can be. */
export const brokenBuilds: BrokenBuild[] = [
  {
    name: "nobody looks at lease or fencing token after the claim",
    edits: [
      {
        file: core("document/move-document.ts"),
        from: `.$if(move.token !== undefined, (query) => query.where("lease_token", "=", move.token!))`,
        to: "",
      },
      { file: core("job/hold-lease.ts"), from: `.where("lease_token", "=", token)`, to: "" },
      {
        file: core("job/hold-lease.ts"),
        from: "if (renewed === false || silentMs >= ports.config.periods.lease)",
        to: "if (renewed === false)",
      },
    ],
    injuries: ["freeze processor", "freeze processor", "freeze processor", "freeze processor"],
    found: ["P5"],
    rates: { error: 0, lost: 0 }, // a zombie that meets another fault gives up before it can do harm
  },
  {
    name: "an upload is received without a look at the store",
    edits: [
      {
        file: core("upload/receive-document.ts"),
        from: "const arrived = await findArrived(ports, loaded.files);",
        to: "const arrived = loaded.files;",
      },
    ],
    injuries: ["kill processor"],
    found: ["I1"],
  },
  {
    name: "the relay marks events that the stream did not acknowledge",
    edits: [
      {
        file: core("event/relay-events.ts"),
        from: "return result.acknowledged ? [row.id] : [];",
        to: "return [row.id];",
      },
    ],
    injuries: ["kill relay"],
    found: ["P4"],
    rates: { unacknowledged: 0.3 },
  },
  {
    name: "the collector knows neither grace nor manifests",
    edits: [
      { file: core("document/collect-vault.ts"), from: " - ports.config.periods.orphanGrace;", to: ";" },
      {
        file: core("document/collect-vault.ts"),
        from: "eb.or([eb.exists(listed), eb.exists(working)])",
        to: "eb.or([eb.exists(working)])",
      },
      { file: core("config.ts"), from: "sweep: hour,", to: "sweep: minute," },
    ],
    injuries: ["kill relay"],
    found: ["I2"],
  },
  {
    name: "staging is cleared without its grace",
    edits: [
      {
        file: core("upload/clear-staging.ts"),
        from: "return { stored: keepStored,",
        to: "return { stored: 0 * keepStored,",
      },
    ],
    injuries: ["kill relay"],
    found: ["I6"],
  },
  {
    name: "a repeated request makes a second document",
    edits: [
      {
        file: core("upload/accept-upload.ts"),
        from: "return await repeat(ports, actor, seen.known, wanted);",
        to: "return await create(ports, actor, { ...wanted, request: { ...request, id: ports.ids.uuid() as never } }, null);",
      },
    ],
    injuries: ["kill relay"],
    found: ["I4"],
  },
  {
    name: "the notifier keeps no inbox",
    edits: [
      {
        file: core("notice/notify-user.ts"),
        from: "return seen && seen.version >= event.version ? null : devices;",
        to: "return devices;",
      },
      { file: core("notice/notify-user.ts"), from: "if (!first) return;", to: "" },
    ],
    injuries: ["kill notifier"],
    found: ["I7"],
    rates: { duplicate: 0.3 },
  },
  {
    name: "signed uploads never end",
    edits: [
      {
        file: core("embedded/object-admission.ts"),
        from: "if (now.getTime() >= Number(target.expires))",
        to: "if (Number.isNaN(Number(target.expires)))",
      },
    ],
    injuries: ["kill relay"],
    found: ["P6"],
    afterwards: true,
  },
  {
    name: "a grant waits for the database as long as it takes",
    edits: [
      { file: "packages/functions/src/deadline.ts", from: "? 1_800 : 20_000", to: "? 20_000 : 20_000" },
      {
        file: core("database/postgres-database.ts"),
        from: "connectionTimeoutMillis: 2_000, // a grant",
        to: "connectionTimeoutMillis: 20_000, // a grant",
      },
    ],
    injuries: ["database away"],
    found: ["P9"],
  },
];

/** Runs every broken build; whether the judge found each of them out. */
export async function findBrokenBuilds(
  { sizes, seed, only }: Wish,
  say: (sentence: string) => void,
  stopping: AbortSignal,
): Promise<boolean> {
  const small: Sizes = {
    ...sizes,
    documents: Math.min(60, sizes.documents),
    drivers: 8,
    tenants: 2,
    large: 0,
  };
  const builds = brokenBuilds.filter(({ name }) => name.includes(only));
  console.log(`broken builds: seed ${seed}, ${builds.length} builds, ${small.documents} documents each`);
  let missed = 0;
  for (const [index, build] of builds.entries()) {
    const { edits, injuries, afterwards } = build;
    const directory = await mkdtemp(join(tmpdir(), "strongroom-broken-"));
    const quietly = { say: only === "" ? () => {} : say, lean: afterwards !== true, stopping };
    const own = { ...small, rates: { ...small.rates, ...build.rates } };
    const options = { directory, sizes: own, seed: seed + index, edits, injuries, ...quietly };
    const { verdicts, seconds } = await runChaos(options);
    if (isFound(build, verdicts)) await rm(directory, { recursive: true });
    else missed += 1;
    say(
      `${isFound(build, verdicts) ? "found    " : "NOT FOUND"} ${build.name} (${seconds} s)${isFound(build, verdicts) ? "" : `, kept in ${directory}`}`,
    );
    const broken = verdicts.filter(({ violations }) => violations.length > 0);
    console.log(verdictTable(broken.map((one) => ({ ...one, violations: one.violations.slice(0, 1) }))));
  }
  console.log(
    missed === 0 ? "every broken build was found out" : `${missed} BROKEN BUILDS WERE NOT FOUND OUT`,
  );
  return missed === 0;
}

const isFound = ({ found }: BrokenBuild, verdicts: Verdict[]): boolean =>
  verdicts.some(({ id, violations }) => violations.length > 0 && found.includes(id));

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verdictTable } from "../check/judge.ts";
import type { InjuryKind } from "./plan.ts";
import { runChaos } from "./run.ts";
import type { Sizes, Wish } from "./sizes.ts";
import type { SourceEdit } from "./source-edits.ts";

/** A product that is broken on purpose, what provokes it, and the promises of which at least one must be found broken. */
type BrokenBuild = { name: string; edits: SourceEdit[]; injuries: InjuryKind[]; found: string[] };

const core = (file: string) => `packages/core/src/${file}`;

const brokenBuilds: BrokenBuild[] = [
  {
    name: "the store commits without looking at the fencing token",
    edits: [
      {
        file: core("document/move-document.ts"),
        from: `.$if(move.token !== undefined, (query) => query.where("lease_token", "=", move.token!))`,
        to: "",
      },
      { file: core("job/hold-lease.ts"), from: `.where("lease_token", "=", token)`, to: "" },
    ],
    injuries: ["freeze processor", "freeze processor", "freeze processor"],
    found: ["P5"],
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
  },
  {
    name: "the collector knows neither grace nor work in hand",
    edits: [
      { file: core("document/collect-vault.ts"), from: " - ports.config.periods.orphanGrace;", to: ";" },
      {
        file: core("document/collect-vault.ts"),
        from: "eb.or([eb.exists(listed), eb.exists(working)])",
        to: "eb.or([eb.exists(listed)])",
      },
      { file: core("config.ts"), from: "reconcile: minute,", to: "reconcile: 750," },
      { file: core("config.ts"), from: "sweep: hour,", to: "sweep: 750," },
    ],
    injuries: ["kill relay"],
    found: ["I2"],
  },
  {
    name: "a repeated request makes a second document",
    edits: [
      {
        file: core("upload/accept-upload.ts"),
        from: "? await repeat(ports, actor, known, requestSha256)",
        to: "? await create(ports, actor, { ...request, id: ports.ids.uuid() as never }, requestSha256)",
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
  { sizes, seed }: Wish,
  say: (sentence: string) => void,
): Promise<boolean> {
  const small: Sizes = {
    ...sizes,
    documents: Math.min(60, sizes.documents),
    drivers: 12,
    tenants: 2,
    large: 0,
  };
  console.log(
    `broken builds: seed ${seed}, ${brokenBuilds.length} builds, ${small.documents} documents each`,
  );
  let all = true;
  for (const [index, { name, edits, injuries, found }] of brokenBuilds.entries()) {
    const directory = await mkdtemp(join(tmpdir(), "strongroom-broken-"));
    const options = { directory, sizes: small, seed: seed + index, edits, injuries, say: () => {} };
    const { verdicts, seconds } = await runChaos(options);
    await rm(directory, { recursive: true });
    const broken = verdicts.filter(({ violations }) => violations.length > 0);
    const isFound = broken.some(({ id }) => found.includes(id));
    all &&= isFound;
    say(
      `${isFound ? "found    " : "NOT FOUND"} ${name} (${seconds} s): ${broken.map(({ id, violations }) => `${id} ×${violations.length}`).join(", ") || "everything held"}`,
    );
    if (isFound)
      console.log(
        verdictTable(
          broken
            .filter(({ id }) => found.includes(id))
            .map((one) => ({ ...one, violations: one.violations.slice(0, 1) })),
        ),
      );
  }
  console.log(all ? "every broken build was found out" : "A BROKEN BUILD WAS NOT FOUND OUT");
  return all;
}

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ChainedAuditEntry } from "@strongroom/core/api-shapes";
import type { ChainedEntry, ChainFault } from "@strongroom/core/audit/chain";
import { type AuditCheck, type CheckpointFault, verifyAudit } from "@strongroom/core/audit/verify-audit";
import { Command } from "commander";
import type { Client } from "../client.ts";
import { writePrivateFile } from "../private-file.ts";
import { exitCodes, UsageProblem } from "../problems.ts";
import { findKeys, type KeyOptions, readText } from "../public-keys.ts";
import { formatMoment } from "../words.ts";
import { answer, connect, type World } from "../world.ts";

const help = `
Examples:
  strongroom audit export -o trail.jsonl
  strongroom audit verify trail.jsonl --checkpoints checkpoints/ --keys keys.json      without any network
  strongroom audit verify --checkpoints checkpoints/                                   what the server shows now

Checkpoints lie below v/checkpoints/ of the vault (data/objects/vault/checkpoints on one machine): fetch them there, not from
whoever runs the database. What was appended after the last one can be cut off unnoticed.

Exit code 0: nothing was edited, taken out, reordered or cut off up to the last checkpoint. 1: something was, or no checkpoint
vouches for any of it.`;

type VerifyOptions = KeyOptions & { checkpoints?: string[] };

/** `strongroom audit`: the tenant's audit trail, to be kept and to be verified. */
export function auditCommand(world: World): Command {
  return new Command("audit")
    .description("Prove that nobody changed the audit trail")
    .addHelpText("after", help)
    .addCommand(
      new Command("export")
        .description("Write the whole trail to a file, one JSON per line")
        .requiredOption("-o, --out <file>", "where to")
        .action(({ out }: { out: string }) => exportTrail(world, out)),
    )
    .addCommand(
      new Command("verify")
        .description("Follow the trail, and hold it to the signed checkpoints")
        .argument("[trail]", "file of strongroom audit export (default: what the server shows)")
        .option("--checkpoints <paths...>", "signed checkpoints: files, or directories of them")
        .option("--keys <file>", "public keys (a JWK Set): works offline")
        .option("--url <url>", "server to get the public keys from (default: the one you are logged in to)")
        .action((trail: string | undefined, options: VerifyOptions) => verify(world, trail, options)),
    );
}

async function exportTrail(world: World, out: string): Promise<void> {
  const entries = await fetchTrail(await connect(world), world.signal);
  await writePrivateFile(out, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  answer(world, { path: out, entries: entries.length }, [`${entries.length} entries are in ${out}`]);
}

async function fetchTrail(client: Client, signal: AbortSignal): Promise<ChainedEntry[]> {
  const entries: ChainedEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.call("listAudit", { query: { cursor, limit: 500 }, signal });
    entries.push(...(page.entries as ChainedEntry[]));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return entries;
}

async function verify(world: World, trail: string | undefined, options: VerifyOptions): Promise<void> {
  if (!options.checkpoints)
    throw new UsageProblem(
      "Without checkpoints nothing is proven: whoever edits can hash anew. Give --checkpoints.",
    );
  const checkpoints = (await Promise.all(options.checkpoints.map(readCheckpoints))).flat();
  const jwks = await findKeys(world, options);
  const client = trail === undefined ? await connect(world) : null;
  const entries = client ? await fetchTrail(client, world.signal) : await readTrail(trail!);
  const tenantId = client
    ? (await client.call("showMe", { signal: world.signal })).tenantId
    : entries[0]!.entry.tenantId;
  const check = await verifyAudit({ tenantId, entries, checkpoints, jwks });
  if (check.outcome !== "intact") world.exitWith(exitCodes.refused);
  answer(world, { tenantId, ...check }, [...describe(check), `  tenant ${tenantId}`]);
}

async function readTrail(path: string): Promise<ChainedEntry[]> {
  const lines = (await readText(path)).split("\n").filter((line) => line !== "");
  if (lines.length === 0) throw new UsageProblem(`${path} holds no entry.`);
  try {
    return lines.map((line) => ChainedAuditEntry.parse(JSON.parse(line, honestName)) as ChainedEntry);
  } catch (error) {
    throw new UsageProblem(`${path} is not a trail as strongroom audit export writes it.`, { cause: error });
  }
}

/** A member by this name is dropped when a trail is checked for its shape: what was added under it would go unseen. */
function honestName(name: string, value: unknown): unknown {
  if (name === "__proto__") throw new SyntaxError("no entry has a member named __proto__");
  return value;
}

/** Files whose names begin with a dot are somebody else's. */
async function readCheckpoints(path: string): Promise<string[]> {
  const isDirectory = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  if (!isDirectory) return [jwsIn(await readText(path))];
  const names = (await readdir(path)).filter((name) => !name.startsWith(".")).toSorted();
  if (names.length === 0) throw new UsageProblem(`${path} holds no checkpoint.`);
  return await Promise.all(names.map(async (name) => jwsIn(await readText(join(path, name)))));
}

/** An object of the embedded store goes on behind the JWS with facts of its own, which begin with a brace. */
const jwsIn = (text: string): string => /^[\w-]+\.[\w-]+\.[\w-]+/.exec(text)?.[0] ?? text.trim();

function describe(check: AuditCheck): string[] {
  if (check.outcome === "unproven")
    return [
      `The trail of ${check.entries} entries holds in itself, but no checkpoint vouches for any of it: NOT PROVEN.`,
    ];
  if (check.outcome === "intact") {
    const { entries, proven, checkpoint } = check;
    return [
      `INTACT: ${entries} entries, of which ${proven} are vouched for by checkpoint ${checkpoint.sequence} of ${formatMoment(checkpoint.at)}.`,
      `  the last ${entries - proven} came after it, and could be cut off unnoticed`,
    ];
  }
  return check.what === "entry"
    ? [`BROKEN at entry ${check.sequence}: ${entryWords[check.fault]}.`]
    : [
        `BROKEN${check.sequence === null ? "" : ` at checkpoint ${check.sequence}`}: ${checkpointWords[check.fault]}.`,
      ];
}

const entryWords: Readonly<Record<ChainFault, string>> = {
  missing: "it is missing: taken out, or the tail was cut off",
  misplaced: "another entry stands in its place",
  foreign: "it is another tenant's",
  unlinked: "it does not follow on the one before",
  edited: "it was edited",
  rewritten: "the trail was written anew: a signed checkpoint saw another one",
};

const checkpointWords: Readonly<Record<CheckpointFault, string>> = {
  malformed: "a file is not a signed checkpoint, or was damaged",
  wrong_type: "the header of a file does not say that it is a checkpoint",
  not_a_checkpoint: "a file is signed, but does not say what a checkpoint says",
  unknown_key: "a checkpoint was signed with a key that is not among the given ones",
  bad_signature: "a signature does not fit: the checkpoint was altered, or is forged",
  missing: "it is missing between two others",
  unlinked: "it does not follow on the one before",
};

import { join } from "node:path";
import type { ArtefactView, DocumentView } from "@strongroom/core/api-shapes";
import { Command } from "commander";
import type { Client } from "../client.ts";
import { documentId } from "../document-id.ts";
import { downloadArtefact, writeVerified } from "../download-artefact.ts";
import { makeRoom } from "../make-room.ts";
import { LocalProblem, UsageProblem } from "../problems.ts";
import { explainState, formatBytes } from "../words.ts";
import { answer, connect, say, type World } from "../world.ts";

const help = `
Examples:
  strongroom read 0198f1c2-…                               the first original, under its own name
  strongroom read 0198f1c2-… --artefact combined -o cmr.pdf
  strongroom read 0198f1c2-… --all ./cmr-4711              everything that is kept of it
  strongroom read 0198f1c2-… --receipt                     the signed receipt; see "strongroom verify --help"

Length and SHA-256 are checked before a file gets its name: one that is cut or altered is thrown away.
A file that is already there is replaced only with -o.`;

type Options = { artefact?: string; output?: string; all?: string; receipt?: true };
type Saved = { artefact: string; path: string; sizeBytes: number; sha256: string };

/** `strongroom read`: fetches originals, pages, the combined PDF or the receipt. */
export function readCommand(world: World): Command {
  return new Command("read")
    .description("Fetch a document, checked byte for byte")
    .argument("<id>", "document", documentId)
    .option(
      "--artefact <name>",
      "original-1, page-1, thumbnail-1, combined, capture-facts (default: original-1)",
    )
    .option("-o, --output <file>", "where to put it")
    .option("--all <directory>", "every artefact, into a directory")
    .option("--receipt", "the signed receipt; with --all, beside the rest")
    .addHelpText("after", help)
    .action((id: string, options: Options) => read(world, id, options));
}

async function read(world: World, id: string, options: Options): Promise<void> {
  checkOptions(options);
  const client = await connect(world);
  const { document } = await client.call("showDocument", { params: { id }, signal: world.signal });
  const saved: Saved[] = [];
  for (const { artefact, path } of plan(document, options))
    saved.push(await saveArtefact(world, client, document, artefact, path, options));
  if (options.receipt) saved.push(await saveReceipt(world, client, document, options));
  const lines = saved.map(
    ({ path, sizeBytes, sha256 }) => `${path}  ${formatBytes(sizeBytes)}  SHA-256 ${sha256}`,
  );
  answer(world, { documentId: document.id, files: saved }, lines);
}

function checkOptions({ artefact, output, all, receipt }: Options): void {
  if (all !== undefined && (artefact !== undefined || output !== undefined)) {
    throw new UsageProblem("--all fetches everything under its own name: leave out --artefact and --output.");
  }
  if (receipt && artefact !== undefined)
    throw new UsageProblem("Fetch the receipt and an artefact one after the other, or use --all.");
}

/** Which artefacts go where. */
function plan(
  document: DocumentView,
  { artefact, output, all, receipt }: Options,
): { artefact: ArtefactView; path: string }[] {
  if (receipt && all === undefined) return [];
  if (document.artefacts.length === 0) {
    throw new LocalProblem(
      "nothing_to_read",
      `There is nothing to read of this document: ${explainState(document)}.`,
    );
  }
  if (all !== undefined)
    return document.artefacts.map((one) => ({ artefact: one, path: join(all, fileNameOf(one)) }));
  const name = artefact ?? "original-1";
  const found = document.artefacts.find((one) => one.name === name);
  if (found === undefined) {
    const there = document.artefacts.map((one) => one.name).join(", ");
    throw new UsageProblem(`This document has no ${name}. It has: ${there}.`);
  }
  return [{ artefact: found, path: output ?? ownNameOf(document, found) }];
}

async function saveArtefact(
  world: World,
  client: Client,
  document: DocumentView,
  artefact: ArtefactView,
  path: string,
  options: Options,
): Promise<Saved> {
  await makeRoom(path, options);
  say(world, `${artefact.name}  ${formatBytes(artefact.sizeBytes)}`);
  await downloadArtefact(client, document.id, artefact, path, world.signal);
  return { artefact: artefact.name, path, sizeBytes: artefact.sizeBytes, sha256: artefact.sha256 };
}

/** The receipt proves itself by its signature, so that there is no hash to compare it with. */
async function saveReceipt(
  world: World,
  client: Client,
  document: DocumentView,
  options: Options,
): Promise<Saved> {
  const name = `${document.id}.receipt.jws`;
  const path = options.output ?? (options.all === undefined ? name : join(options.all, name));
  await makeRoom(path, options);
  const jws = await client.call("readReceipt", { params: { id: document.id }, signal: world.signal });
  if (!/^[\w-]+\.[\w-]+\.[\w-]+\s*$/.test(jws))
    throw new LocalProblem("unexpected_reply", "What the server sent is not a receipt.");
  return {
    artefact: "receipt",
    path,
    ...(await writeVerified(path, [Buffer.from(`${jws.trim()}\n`)], null)),
  };
}

const extensionByType: Readonly<Record<string, string>> = {
  "image/jpeg": ".jpg",
  "image/png": ".png",
  "image/webp": ".webp",
  "image/heic": ".heic",
  "image/tiff": ".tiff",
  "application/pdf": ".pdf",
  "application/json": ".json",
};

const fileNameOf = ({ name, mediaType }: ArtefactView): string =>
  `${name}${extensionByType[mediaType] ?? ".bin"}`;

/** An original's own name, with nothing in it that could lead to another directory or hide the file. */
function ownNameOf(document: DocumentView, artefact: ArtefactView): string {
  const position = /^original-(\d+)$/.exec(artefact.name)?.[1];
  const name = document.files.find((file) => String(file.position) === position)?.name ?? "";
  const safe = name.replace(/[/\\\p{Cc}]/gu, "_").replace(/^[.\s]+/, "");
  return safe === "" ? fileNameOf(artefact) : safe;
}

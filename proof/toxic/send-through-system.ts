import { randomUUID } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@strongroom/cli/client";
import type { LocalFile } from "@strongroom/cli/declare-files";
import { downloadArtefact } from "@strongroom/cli/download-artefact";
import { followDocument } from "@strongroom/cli/follow-document";
import { ApiProblem } from "@strongroom/cli/problems";
import { uploadDocument } from "@strongroom/cli/upload-document";
import type { DocumentView } from "@strongroom/core/api-shapes";
import { sha256Hex } from "@strongroom/core/digest";
import { systemIds } from "@strongroom/core/ids";
import { partSizes } from "@strongroom/core/upload/check-declaration";
import { lookAtRendition } from "./look-at-rendition.ts";
import type { Truth } from "./toxic-file.ts";
import type { World } from "./world.ts";

/** One document that went through the whole system. */
export type Sent = {
  id: string;
  end: string;
  /** From its last byte to its end, by the clock of the database; null when it was refused. */
  tookMs: number | null;
  /** Looks at all that came of it, and tells what is not as it should be. */
  look: () => Promise<string[]>;
};

/** The same, looked at. */
export type LookedAt = Omit<Sent, "look"> & { misses: string[] };

/** A file with the name and type that it claims. */
export type Claimed = { bytes: Buffer; name: string; declaredType: string };

/** Two whole deadlines of a child, and as much again for the queue before it. */
const patienceMs = 60_000;
/** Pages that are fetched and looked at. */
const pagesLookedAt = 2;

/** Sends a document as a phone does and follows it to its end; rejects for no reason of the files. */
export async function sendThroughSystem(
  world: World,
  files: readonly Claimed[],
  truth: Truth | null,
): Promise<Sent> {
  const client = world.nextClient();
  const id = systemIds.uuid();
  const local = await Promise.all(files.map((file) => lay(world, file)));
  try {
    const declared = local.map(({ path }) => path);
    await uploadDocument(client, { id, kind: "other", paths: declared, declared: local });
    const view = await followDocument(client, id, { signal: AbortSignal.timeout(patienceMs) });
    const tookMs = Date.parse(view.settledAt ?? "") - Date.parse(view.receivedAt ?? "");
    const look = async () =>
      view.state === "stored" ? await lookAtStored(world, client, view, local, truth) : [];
    return { id, end: endOf(view), tookMs, look };
  } catch (error) {
    return { id, end: endOfError(error as Error), tookMs: null, look: async () => [] };
  } finally {
    await Promise.all(local.map(({ path }) => rm(path, { force: true })));
  }
}

async function lay({ directory }: World, { bytes, name, declaredType }: Claimed): Promise<LocalFile> {
  const path = join(directory, randomUUID());
  await writeFile(path, bytes);
  const { mtimeMs } = await stat(path);
  const plain = { name, mediaType: declaredType, sizeBytes: bytes.length, sha256: sha256Hex(bytes) };
  return {
    path,
    mtimeMs,
    declaration: bytes.length > 16 * 1024 * 1024 ? { ...plain, parts: digestParts(bytes) } : plain,
  };
}

/** SHA-256 of each part of a file that goes up in parts. */
export function digestParts(bytes: Buffer): string[] {
  let from = 0;
  return partSizes(bytes.length).map((size) => sha256Hex(bytes.subarray(from, (from += size))));
}

/** State and reason in the words of an oracle. */
function endOf({ state, reason }: DocumentView): string {
  if (state === "stored") return reason === null ? "stored" : reason.replace(/^no_preview_/, "no_preview ");
  return reason === null ? state : `${state} ${reason}`;
}

function endOfError(error: Error): string {
  if (error instanceof ApiProblem) return `refused ${error.code}`;
  return error.name === "TimeoutError" ? "not ended" : `not sent: ${error.message}`;
}

async function lookAtStored(
  world: World,
  client: Client,
  view: DocumentView,
  local: readonly LocalFile[],
  truth: Truth | null,
): Promise<string[]> {
  const path = join(world.directory, randomUUID());
  const fetched = async (name: string): Promise<Buffer | null> => {
    const artefact = view.artefacts.find((one) => one.name === name);
    if (!artefact) return null;
    await downloadArtefact(client, view.id, artefact, path, new AbortController().signal);
    return await readFile(path);
  };
  const misses: string[] = [];
  const pages: Buffer[] = [];
  for (const [index, { declaration }] of local.entries()) {
    const original = await fetched(`original-${index + 1}`);
    if (!original || sha256Hex(original) !== declaration.sha256) misses.push("was not kept bit for bit");
  }
  for (let page = 1; page <= pagesLookedAt; page += 1) {
    for (const name of [`page-${page}`, `thumbnail-${page}`]) {
      const picture = await fetched(name);
      if (picture) misses.push(...(await lookAtRendition(picture, page === 1 ? truth : null)));
      else if (view.reason === null && page <= local.length) misses.push(`has no ${name}`);
      if (picture && name === `page-${page}`) pages.push(picture);
    }
  }
  if (local.length > 1 && view.reason === null) {
    const combined = await fetched("combined");
    if (!pages.every((page) => combined?.includes(page))) misses.push("is not combined of its pages");
  }
  const facts = await fetched("capture-facts");
  if (facts) JSON.parse(facts.toString());
  misses.push(...(await lookAtAnswer(client, view.id)));
  await rm(path, { force: true });
  return [...new Set(misses)];
}

/** How the original is handed out: nothing that a browser would run, and a name that stays within its header. */
async function lookAtAnswer(client: Client, id: string): Promise<string[]> {
  const { url } = await client.call("issueTicket", { params: { id }, body: { artefact: "original-1" } });
  const { headers, body } = await fetch(url);
  await body?.cancel();
  const disposition = headers.get("content-disposition") ?? "";
  return [
    ...(/^attachment; filename="[ !#-[\]-~]{1,150}"; filename\*=UTF-8''[\w.!~%-]+$/.test(disposition)
      ? []
      : [`is handed out as ${disposition}`]),
    ...(headers.get("x-content-type-options") === "nosniff" ? [] : ["is handed out without nosniff"]),
    ...(headers.get("content-security-policy")?.startsWith("sandbox")
      ? []
      : ["is handed out without a sandbox"]),
    ...(/html|svg|xml|script/.test(headers.get("content-type") ?? "")
      ? [`is handed out as ${headers.get("content-type")}`]
      : []),
  ];
}

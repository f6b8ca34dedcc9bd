import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { FileDeclaration } from "@strongroom/core/api-shapes";
import { DocumentId } from "@strongroom/core/ids";
import * as z from "zod";
import type { LocalFile } from "./declare-files.ts";
import { writePrivateFile } from "./private-file.ts";

const UnfinishedUpload = z.object({
  id: DocumentId,
  /** Base URL of the server that it goes to. */
  server: z.string(),
  startedAt: z.iso.datetime(),
  kind: z.string(),
  loadNumber: z.string().nullable(),
  note: z.string().nullable(),
  replaces: z.string().nullable(),
  files: z.array(z.object({ path: z.string(), mtimeMs: z.number(), declaration: FileDeclaration })).min(1),
});

/** An upload that began and has not been completed, as it lies on disk between two runs. */
export type UnfinishedUpload = Omit<z.infer<typeof UnfinishedUpload>, "id" | "files"> & {
  id: string;
  files: LocalFile[];
};

/** Writes it before the first request is sent, readable by its owner alone. */
export async function rememberUpload(directory: string, upload: UnfinishedUpload): Promise<void> {
  await writePrivateFile(join(directory, `${upload.id}.json`), `${JSON.stringify(upload, null, 2)}\n`);
}

/** Forgets an upload that is complete or cannot be continued; an unknown one is no error. */
export async function forgetUpload(directory: string, id: string): Promise<void> {
  await rm(join(directory, `${id}.json`), { force: true });
}

/** Every unfinished upload, oldest first. Files that are not ours, or are damaged, are left alone. */
export async function listUnfinished(directory: string): Promise<UnfinishedUpload[]> {
  const found: UnfinishedUpload[] = [];
  for (const name of await namesIn(directory)) {
    const upload = await readUpload(join(directory, name));
    if (upload !== null) found.push(upload);
  }
  return found.sort((one, other) => one.startedAt.localeCompare(other.startedAt));
}

/** The latest unfinished upload of the very same files, in the same order, under the same kind, load, note and so on. */
export function findSame(
  uploads: readonly UnfinishedUpload[],
  wanted: UnfinishedUpload,
): UnfinishedUpload | null {
  return uploads.findLast((upload) => fingerprint(upload) === fingerprint(wanted)) ?? null;
}

function fingerprint({ server, kind, loadNumber, note, replaces, files }: UnfinishedUpload): string {
  return JSON.stringify([
    server,
    kind,
    loadNumber,
    note,
    replaces,
    files.map(({ declaration }) => declaration.sha256),
  ]);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith(".json"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function readUpload(path: string): Promise<UnfinishedUpload | null> {
  try {
    return UnfinishedUpload.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null; // removed by another run in this very moment, or not ours
  }
}

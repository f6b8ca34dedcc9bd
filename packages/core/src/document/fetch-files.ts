import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DocumentFileRow } from "../database/tables.ts";
import { type Measured, measuring } from "../digest.ts";
import type { Ports } from "../ports/ports.ts";
import { readObject } from "./read-object.ts";

/** A file on the worker's disk; `intact`: its length and SHA-256 are those that were announced. */
export type FetchedFile = { file: DocumentFileRow; path: string; intact: boolean };

/** Copies every file of a document out of staging, hashing it whole on the way. */
export async function fetchFiles(
  ports: Pick<Ports, "objects">,
  files: DocumentFileRow[],
  directory: string,
  signal: AbortSignal,
): Promise<FetchedFile[]> {
  const fetched: FetchedFile[] = [];
  for (const file of files)
    fetched.push(await fetchFile(ports, file, join(directory, `file-${file.position}`), signal));
  return fetched;
}

async function fetchFile(
  ports: Pick<Ports, "objects">,
  file: DocumentFileRow,
  path: string,
  signal: AbortSignal,
): Promise<FetchedFile> {
  let measured: Measured | null = null;
  const source = await readObject(ports, file.staging_key, signal);
  await pipeline(
    source,
    measuring((result) => (measured = result)),
    createWriteStream(path, { mode: 0o600 }),
    { signal },
  );
  const { sha256, sizeBytes } = measured! as Measured;
  return { file, path, intact: sha256 === file.sha256 && sizeBytes === file.size_bytes };
}

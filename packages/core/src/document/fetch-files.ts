import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DocumentFileRow } from "../database/tables.ts";
import { type Measured, measuring } from "../digest.ts";
import type { ObjectKey } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import { readObject } from "./read-object.ts";

/** A file on the worker's disk; `intact`: its length and SHA-256 are those that were announced. */
export type FetchedFile = { file: DocumentFileRow; path: string; intact: boolean };

/** Copies one object into a file and tells what went through. */
export type Fetch = (
  ports: Pick<Ports, "objects">,
  from: ObjectKey,
  path: string,
  signal: AbortSignal,
) => Promise<Measured>;

/** Copies every file of a document out of staging, hashing it whole on the way. */
export async function fetchFiles(
  ports: Pick<Ports, "objects">,
  files: DocumentFileRow[],
  directory: string,
  signal: AbortSignal,
  fetch: Fetch = fetchToDisk,
): Promise<FetchedFile[]> {
  const fetched: FetchedFile[] = [];
  for (const file of files) {
    const path = join(directory, `file-${file.position}`);
    const { sha256, sizeBytes } = await fetch(ports, file.staging_key, path, signal);
    fetched.push({ file, path, intact: sha256 === file.sha256 && sizeBytes === file.size_bytes });
  }
  return fetched;
}

const fetchToDisk: Fetch = async (ports, from, path, signal) => {
  let measured: Measured | null = null;
  const source = await readObject(ports, from, signal);
  await pipeline(
    source,
    measuring((result) => (measured = result)),
    createWriteStream(path, { mode: 0o600, highWaterMark: 1024 * 1024 }),
    { signal },
  );
  return measured! as Measured;
};

import { open } from "node:fs/promises";
import { join } from "node:path";
import { addAbortSignal } from "node:stream";
import type { DocumentFileRow } from "../database/tables.ts";
import { createMeasure, type Measured } from "../digest.ts";
import { LoneFault, NoSuchObject } from "../errors.ts";
import type { ObjectKey } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import { releaseMemory } from "../ports/release-memory.ts";
import { readObject } from "./read-object.ts";

/** A file on the worker's disk; `intact`: its length and SHA-256 are those that were announced. */
export type FetchedFile = { file: DocumentFileRow; path: string; fingerprint: string; intact: boolean };

/** Copies one object into a file and tells what went through. */
export type Fetch = (
  ports: Pick<Ports, "objects">,
  from: ObjectKey,
  path: string,
  signal: AbortSignal,
) => Promise<Measured>;

/** Copies every file of a document out of staging, hashing it whole on the way. @throws `LoneFault` when one is not there. */
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
    const { sha256, fingerprint, sizeBytes } = await fetch(ports, file.staging_key, path, signal).catch(
      ofLostPage,
    );
    const intact = sha256 === file.sha256 && sizeBytes === file.size_bytes;
    fetched.push({ file, path, fingerprint, intact });
  }
  return fetched;
}

/** A restore without staging loses pages of some documents, and takes nothing from the others. */
function ofLostPage(error: unknown): never {
  throw error instanceof NoSuchObject ? new LoneFault(error.message, { cause: error }) : error;
}

const fetchToDisk: Fetch = async (ports, from, path, signal) => {
  const source = addAbortSignal(signal, await readObject(ports, from, signal));
  const measure = createMeasure();
  const file = await open(path, "w", 0o600);
  try {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      measure.update(chunk);
      await file.writeFile(chunk);
      releaseMemory(chunk);
    }
  } finally {
    await file.close();
  }
  return measure.end();
};

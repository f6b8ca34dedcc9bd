import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import type { FileDeclaration } from "@strongroom/core/api-shapes";
import { documentLimits } from "@strongroom/core/document/document";
import { LocalProblem, UsageProblem } from "./problems.ts";
import { formatMebibytes } from "./words.ts";

/** A file on this machine, and what it is declared as. */
export type LocalFile = {
  /** Absolute. */
  path: string;
  /** When it was last changed, as the file system says. */
  mtimeMs: number;
  declaration: FileDeclaration;
};

/** Read at a time; a divisor of a part, so that a part never ends inside a piece. */
const readBytes = 256 * 1024;

const mediaTypeByExtension: Readonly<Record<string, string>> = {
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
  ".heic": "image/heic",
  ".heif": "image/heic",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".pdf": "application/pdf",
};

/**
 * Reads each file once and declares it: size, SHA-256 and, above 16 MiB, the SHA-256 of each 8 MiB part. The media type
 * is a hint from the name; the server tells it from the content. Throws when a file changes while it is read.
 */
export async function declareFiles(paths: readonly string[], signal?: AbortSignal): Promise<LocalFile[]> {
  const files: LocalFile[] = [];
  for (const path of paths) files.push(await declareFile(resolve(path), signal));
  return files;
}

async function declareFile(path: string, signal: AbortSignal | undefined): Promise<LocalFile> {
  const before = await statFile(path);
  const { sizeBytes, sha256, parts } = await digestFile(path, signal);
  const after = await statFile(path);
  if (sizeBytes !== before.size || after.size !== before.size || after.mtimeMs !== before.mtimeMs)
    throw changedFile(path);
  const mediaType = mediaTypeByExtension[extname(path).toLowerCase()] ?? "application/octet-stream";
  const declaration = { name: declaredName(path), mediaType, sizeBytes, sha256 };
  const inParts = sizeBytes > documentLimits.singlePutBytes;
  return { path, mtimeMs: before.mtimeMs, declaration: inParts ? { ...declaration, parts } : declaration };
}

/** Size and SHA-256 of a file, of the whole and of each 8 MiB part, in 64 lower-case hex digits. */
export async function digestFile(
  path: string,
  signal?: AbortSignal,
): Promise<{ sizeBytes: number; sha256: string; parts: string[] }> {
  const whole = createHash("sha256");
  const parts: string[] = [];
  let part = createHash("sha256");
  let sizeBytes = 0;
  const file = await open(path);
  for await (const piece of file.createReadStream({
    highWaterMark: readBytes,
  }) as AsyncIterable<Uint8Array>) {
    signal?.throwIfAborted();
    for (let at = 0; at < piece.length;) {
      const room = documentLimits.partBytes - (sizeBytes % documentLimits.partBytes);
      const bytes = piece.subarray(at, at + room);
      whole.update(bytes);
      part.update(bytes);
      at += bytes.length;
      sizeBytes += bytes.length;
      if (bytes.length === room) {
        parts.push(part.digest("hex"));
        part = createHash("sha256");
      }
    }
  }
  if (sizeBytes % documentLimits.partBytes > 0) parts.push(part.digest("hex"));
  return { sizeBytes, sha256: whole.digest("hex"), parts };
}

/** Throws, before anything is read or sent, when the files cannot be one document whatever they hold. */
export async function checkLimits(paths: readonly string[]): Promise<void> {
  if (paths.length > documentLimits.files) {
    const message = `A document has at most ${documentLimits.files} files and these are ${paths.length}. Use --separate, or split them.`;
    throw new LocalProblem("too_many_files", message);
  }
  let totalBytes = 0;
  for (const path of paths) {
    const { size } = await statFile(path);
    if (size === 0) throw new LocalProblem("file_empty", `${path} is empty: there is nothing to keep.`);
    if (size > documentLimits.fileBytes)
      throw tooLarge("file_too_large", path, size, documentLimits.fileBytes);
    totalBytes += size;
  }
  if (totalBytes > documentLimits.documentBytes) {
    throw tooLarge("document_too_large", "The document", totalBytes, documentLimits.documentBytes);
  }
}

/** What happened to a file that is no longer what was declared. */
export function changedFile(path: string, cause?: unknown): LocalProblem {
  const message = `${path} changed after it was read for this upload. Nothing of the document counts: upload it again.`;
  return new LocalProblem("file_changed", message, { cause });
}

/** Whether a file is, by size and time of change, still the one that was declared; throws when it is gone. */
export async function looksUnchanged({ path, mtimeMs, declaration }: LocalFile): Promise<boolean> {
  const now = await statFile(path);
  return now.size === declaration.sizeBytes && now.mtimeMs === mtimeMs;
}

/** Whether a file is, byte for byte, still the one that was declared; throws when it is gone. */
export async function isUnchanged(file: LocalFile, signal?: AbortSignal): Promise<boolean> {
  const { size } = await statFile(file.path);
  return (
    size === file.declaration.sizeBytes &&
    (await digestFile(file.path, signal)).sha256 === file.declaration.sha256
  );
}

async function statFile(path: string) {
  try {
    const facts = await stat(path);
    if (!facts.isFile()) throw new UsageProblem(`${path} is not a file.`);
    return facts;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UsageProblem(`There is no file ${path}.`, { cause: error });
  }
}

const tooLarge = (code: string, what: string, sizeBytes: number, allowedBytes: number) =>
  new LocalProblem(
    code,
    `${what} has ${formatMebibytes(sizeBytes)}; ${formatMebibytes(allowedBytes)} are allowed.`,
  );

/** The file's own name; names on disk may hold what the contract does not take, and the cut may leave half a character. */
function declaredName(path: string): string {
  const name = basename(path)
    .trim()
    .slice(0, documentLimits.nameLength)
    .replace(/[\p{Cc}\p{Cs}\u2028-\u202e]/gu, "_");
  return name === "" ? "unnamed" : name;
}

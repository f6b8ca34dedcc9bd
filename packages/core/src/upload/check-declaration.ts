import type { FileDeclaration } from "../api-shapes.ts";
import { sha256Hex } from "../digest.ts";
import { documentLimits as limits } from "../document/document.ts";
import { Refusal } from "../errors.ts";

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

/** What of a declared file decides about limits and parts. */
export type Sized = Pick<FileDeclaration, "name" | "sizeBytes" | "parts">;

/** Refuses a document that is over a limit before a byte of it is sent. */
export function checkFiles(files: readonly Sized[]): void {
  if (files.length > limits.files) {
    throw tooLarge(
      "too_many_files",
      `A document has at most ${limits.files} pages or files, this one has ${files.length}. Send the rest as a second document.`,
    );
  }
  files.forEach((file, index) => checkFile(file, index + 1));
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total > limits.documentBytes) {
    throw tooLarge(
      "document_too_large",
      `A document has at most ${mebibytes(limits.documentBytes)} in all, this one has ${mebibytes(total)}. Send some of the pages as a second document.`,
    );
  }
}

function checkFile(file: Sized, position: number): void {
  const who = `Page ${position} (“${file.name}”)`;
  if (file.sizeBytes <= 0)
    throw new Refusal("empty_file", `${who} is empty. Take the photo again, or choose the file anew.`);
  if (file.sizeBytes > limits.fileBytes) {
    throw tooLarge(
      "file_too_large",
      `${who} has ${mebibytes(file.sizeBytes)}, the limit is ${mebibytes(limits.fileBytes)}. Take the photo at a lower resolution, or split the PDF.`,
    );
  }
  checkParts(file, who);
}

function checkParts(file: Sized, who: string): void {
  const expected = inParts(file.sizeBytes) ? partSizes(file.sizeBytes).length : 0;
  const given = file.parts?.length ?? 0;
  if (given === expected) return;
  const wish =
    expected === 0
      ? "takes no `parts`: it goes up in one piece"
      : `needs the SHA-256 of each of its ${expected} parts of 8 MiB in \`parts\``;
  throw new Refusal("invalid_parts", `${who} ${wish}, ${given} were given.`, { status: 400 });
}

/** Whether a file of this size goes up in parts. */
export function inParts(sizeBytes: number): boolean {
  return sizeBytes > limits.singlePutBytes;
}

/** Sizes of the parts of a file, in order: 8 MiB each, the last one what is left. */
export function partSizes(sizeBytes: number): number[] {
  const whole = Math.floor(sizeBytes / limits.partBytes);
  const rest = sizeBytes % limits.partBytes;
  return [...Array.from({ length: whole }, () => limits.partBytes), ...(rest > 0 ? [rest] : [])];
}

/** What makes two documents the same content: the hashes of their files, in order. */
export function contentSha256(files: readonly { sha256: string }[]): string {
  return sha256Hex(files.map((file) => file.sha256).join("\n"));
}

/** S3's checksum over a file in parts: base64 of SHA-256 over the digests of its parts (hex here), `-`, their number. */
export function compositeSha256(parts: readonly string[]): string {
  const digests = Buffer.concat(parts.map((part) => Buffer.from(part, "hex")));
  return `${Buffer.from(sha256Hex(digests), "hex").toString("base64")}-${parts.length}`;
}

function tooLarge(code: string, message: string): Refusal {
  return new Refusal(code, message, { status: 413 });
}

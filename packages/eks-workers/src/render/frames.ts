import { readSync, writeSync } from "node:fs";
import { releaseMemory } from "./release-memory.ts";

/**
 * One message between parent and child: a small header (JSON) and blobs behind it. Own framing on a socket pair rather
 * than Node's IPC, since the parent must not deserialise objects of a child that may have been taken over, and has to
 * be able to stop reading: an IPC message has no limit. On the wire: header length (4 bytes, little endian), header
 * with the blobs' lengths, blobs.
 */
export type Frame = { header: Record<string, unknown>; blobs: Uint8Array[] };

/** File descriptor of the socket pair in the child. */
export const frameFd = 3;

/** Header bytes above which a frame is refused: 1 MiB of text may be escaped to six times its size. */
export const maxHeaderBytes = 8 * 1024 * 1024;

/** Blobs above which a frame is refused: a rendition and a thumbnail of each page that may be shown, with room to spare. */
const maxBlobs = 1_000;

/** The bytes of a frame before its blobs. */
export function encodeHeader(header: Record<string, unknown>, blobBytes: number[]): Uint8Array {
  const json = Buffer.from(JSON.stringify({ ...header, blobBytes }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json]);
}

/** Puts one frame together from chunks as they come; takes exactly one frame. */
export class FrameReader {
  readonly #maxBlobBytes: number;
  #chunks: Uint8Array[] = [];
  #received = 0;
  #headEnd: number | null = null;
  #head: { header: Record<string, unknown>; blobBytes: number[]; start: number; end: number } | null = null;

  constructor(maxBlobBytes: number) {
    this.#maxBlobBytes = maxBlobBytes;
  }

  /** The frame once it is whole, else null; the chunk becomes ours. @throws when it is malformed, above its limits, or followed by more. */
  push(chunk: Uint8Array): Frame | null {
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    this.#head ??= this.#readHead();
    if (this.#head === null || this.#received < this.#head.end) return null;
    if (this.#received > this.#head.end) throw new Error("bytes behind the frame");
    const { header, blobBytes, start } = this.#head;
    const body = this.#joined();
    let at = start;
    // In memory of its own, so that each can be given back by itself.
    const blobs = blobBytes.map((length) => new Uint8Array(body.subarray(at, (at += length))));
    releaseMemory(body);
    return { header, blobs };
  }

  #joined(): Buffer {
    const joined = Buffer.concat(this.#chunks);
    this.#chunks.forEach(releaseMemory);
    this.#chunks = [joined];
    return joined;
  }

  #readHead() {
    if (this.#received < 4) return null;
    this.#headEnd ??= 4 + this.#joined().readUInt32LE(0);
    const start = this.#headEnd;
    if (start > 4 + maxHeaderBytes) throw new Error("header above its limit");
    if (this.#received < start) return null;
    const { blobBytes, header } = parseHeader(this.#joined().subarray(4, start));
    const total = sum(blobBytes);
    if (total > this.#maxBlobBytes) throw new Error("blobs above their limit");
    return { header, blobBytes, start, end: start + total };
  }
}

/** Child side: waits for one frame; null when the parent has closed its end or is gone. */
export function readFrameSync(fd: number): Frame | null {
  const length = readExactly(fd, 4);
  const json = length && readExactly(fd, length.readUInt32LE(0));
  if (!json) return null;
  const { blobBytes, header } = parseHeader(json);
  const body = readExactly(fd, sum(blobBytes));
  return body && { header, blobs: split(body, blobBytes) };
}

/** Child side: writes one frame and returns when the parent has taken it into its buffer. */
export function writeFrameSync(fd: number, { header, blobs }: Frame): void {
  writeExactly(
    fd,
    encodeHeader(
      header,
      blobs.map((blob) => blob.length),
    ),
  );
  for (const blob of blobs) writeExactly(fd, blob);
}

function parseHeader(json: Buffer) {
  const { blobBytes, ...header } = JSON.parse(json.toString("utf8")) as Record<string, unknown>;
  if (!Array.isArray(blobBytes) || blobBytes.length > maxBlobs || !blobBytes.every(isLength))
    throw new Error("malformed frame header");
  return { header, blobBytes };
}

function isLength(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function split(body: Buffer, lengths: number[]): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => body.subarray(at, (at += length)));
}

function sum(lengths: number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}

function readExactly(fd: number, length: number): Buffer | null {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const got = readSync(fd, bytes, at, length - at, null);
    if (got === 0) return null;
    at += got;
  }
  return bytes;
}

function writeExactly(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at);
}

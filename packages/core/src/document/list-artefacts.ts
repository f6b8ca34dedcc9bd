import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { sha256Hex } from "../digest.ts";
import { fingerprintOf } from "../fingerprint.ts";
import { combineJpegs } from "./combine-jpegs.ts";
import { numberPages } from "./page-numbers.ts";
import type { RenderedFile } from "./render-files.ts";
import { frameBytes } from "./sealing.ts";

/**
 * Something to be sealed: `open` gives its bytes, and `fingerprint` tells whether they are still the same. `givesChunks`: what it
 * gives belongs to whoever asks, who may empty it when it is used.
 */
export type Artefact = {
  name: string;
  mediaType: string;
  sizeBytes: number;
  sha256: string;
  fingerprint: string;
  givesChunks: boolean;
  open: () => Readable;
};

/** Everything of a document that goes to the vault: originals, page renditions, thumbnails, the combined PDF, capture facts. */
export function listArtefacts(files: RenderedFile[]): Artefact[] {
  const originals = files.map(original);
  const images = numberPages(files).flatMap(({ number, page }) => [
    fromBytes(`page-${number}`, "image/jpeg", page.rendition.bytes),
    fromBytes(`thumbnail-${number}`, "image/jpeg", page.thumbnail.bytes),
  ]);
  return [...originals, ...images, ...combined(files), ...captureFacts(files)];
}

function original({ file, path, fingerprint, mediaType }: RenderedFile): Artefact {
  const { size_bytes: sizeBytes, sha256 } = file;
  return {
    name: `original-${file.position}`,
    mediaType,
    sizeBytes,
    sha256,
    fingerprint,
    givesChunks: true,
    open: () => createReadStream(path, { highWaterMark: 4 * frameBytes, end: sizeBytes - 1 }),
  };
}

/** Several photos become one PDF beside them; a PDF needs none. */
function combined(files: RenderedFile[]): Artefact[] {
  const photos = files.filter((file) => file.mediaType !== "application/pdf").flatMap((file) => file.pages);
  if (photos.length < 2) return [];
  const bytes = combineJpegs(photos.map(({ rendition }) => rendition));
  return bytes ? [fromBytes("combined", "application/pdf", bytes)] : [];
}

function captureFacts(files: RenderedFile[]): Artefact[] {
  const facts = files.flatMap(({ file, captureFacts: seen }) =>
    seen ? [{ position: file.position, ...seen }] : [],
  );
  return facts.length === 0
    ? []
    : [fromBytes("capture-facts", "application/json", Buffer.from(JSON.stringify(facts)))];
}

function fromBytes(name: string, mediaType: string, bytes: Uint8Array): Artefact {
  return {
    name,
    mediaType,
    sizeBytes: bytes.length,
    sha256: sha256Hex(bytes),
    fingerprint: fingerprintOf(bytes),
    givesChunks: true,
    open: () => Readable.from([bytes]),
  };
}

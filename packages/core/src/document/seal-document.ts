import { addAbortSignal } from "node:stream";
import { pipeline } from "node:stream/promises";
import { heeding } from "../abort.ts";
import { type Measured, measuring, sha256Hex } from "../digest.ts";
import { LoneFault } from "../errors.ts";
import { createFingerprint } from "../fingerprint.ts";
import type { KeyContext } from "../ports/keys.ts";
import type { ObjectKey } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import { releaseMemory } from "../ports/release-memory.ts";
import type { Artefact } from "./list-artefacts.ts";
import { readObject } from "./read-object.ts";
import { type Addressee, frameBytes, seal, sealedLength } from "./sealing.ts";

/** An artefact in the vault, read back and found whole. */
export type SealedArtefact = Omit<Artefact, "open" | "fingerprint" | "givesChunks"> & {
  sealedSizeBytes: number;
  sealedSha256: string;
  vaultKey: string;
  versionId: string;
};
/** A document in the vault under one data key; only the wrapped form of the key leaves this module. */
export type SealedDocument = { artefacts: SealedArtefact[]; wrappedKey: Uint8Array; rootKeyId: string };
type Sealing = {
  tenantId: string;
  documentId: string;
  token: number;
  artefacts: Artefact[];
  signal: AbortSignal;
};

type Fingerprinted = Omit<Measured, "sha256">;

/** How the bytes of one artefact get into the vault, and what is found when they are read from there again. */
export type Sealer = {
  /** Seals an artefact on its way into the vault. `exists`: the key was taken, nothing was written. */
  put(
    ports: Pick<Ports, "objects">,
    key: ObjectKey,
    sealedSizeBytes: number,
    one: One,
  ): Promise<{ outcome: "created"; versionId: string; sent: Measured } | { outcome: "exists" }>;
  readBack(ports: Pick<Ports, "objects">, key: ObjectKey, signal: AbortSignal): Promise<Fingerprinted>;
};

/** How many artefacts of one document are on their way at once. */
const atOnce = 4;

/**
 * Seals every artefact under one new data key and puts it into the vault below the attempt's own keys, then reads each
 * back. Nothing is recorded: until the store transaction commits, these objects belong to nobody. When it throws, nothing
 * of the attempt is at work any more.
 */
export async function sealDocument(
  ports: Pick<Ports, "objects" | "keys">,
  sealing: Sealing,
  sealer: Sealer = streamSealer,
): Promise<SealedDocument> {
  const { tenantId, documentId, token, artefacts } = sealing;
  const stop = new AbortController();
  const signal = AbortSignal.any([sealing.signal, stop.signal]);
  const dataKey = await heeding(
    signal,
    ports.keys.generateDataKey(dataKeyContext(tenantId, documentId, token)),
  );
  const sealOne = (artefact: Artefact) => {
    const to: Addressee = { tenantId, documentId, artefact: artefact.name, attempt: String(token) };
    return sealArtefact(ports, sealer, { to, artefact, dataKey: dataKey.plaintext, stop, signal });
  };
  const sealed: SealedArtefact[] = [];
  try {
    for (let at = 0; at < artefacts.length; at += atOnce)
      sealed.push(...(await together(stop, artefacts.slice(at, at + atOnce).map(sealOne))));
  } finally {
    dataKey.plaintext.fill(0);
  }
  return { artefacts: sealed, wrappedKey: dataKey.wrapped, rootKeyId: dataKey.rootKeyId };
}

/** What a data key is bound to, wrapped and opened. */
export function dataKeyContext(tenantId: string, documentId: string, token: number): KeyContext {
  return { app: "strongroom", tenant: tenantId, document: documentId, attempt: String(token) };
}

/** `v/<2 hex>/<tenant>/<document>/<token>/<artefact>`: the first step spreads the load, the token names the attempt. */
export function vaultKey({ tenantId, documentId, attempt, artefact }: Addressee): string {
  return `${vaultPrefix({ tenantId, documentId })}${attempt}/${artefact}`;
}

/** Below it lies all that any attempt ever sealed of a document. */
export function vaultPrefix({ tenantId, documentId }: Pick<Addressee, "tenantId" | "documentId">): string {
  const spread = sha256Hex(documentId).slice(0, 2);
  return `v/${spread}/${tenantId}/${documentId}/`;
}

type One = {
  to: Addressee;
  artefact: Artefact;
  dataKey: Uint8Array;
  stop: AbortController;
  signal: AbortSignal;
};

async function sealArtefact(
  ports: Pick<Ports, "objects">,
  sealer: Sealer,
  one: One,
): Promise<SealedArtefact> {
  const { name, mediaType, sizeBytes, sha256 } = one.artefact;
  const key = vaultKey(one.to);
  const sealedSizeBytes = sealedLength(one.to, sizeBytes);
  const stored = await sealer.put(ports, key, sealedSizeBytes, one);
  // A restored database draws numbers of attempts again; the next attempt has another one.
  if (stored.outcome === "exists") throw new LoneFault(`the vault key of this very attempt is taken: ${key}`);
  const { versionId, sent } = stored;
  // What the store has is what was sent, byte for byte: only then may anybody be told so.
  const there = await sealer.readBack(ports, key, one.signal);
  if (there.fingerprint !== sent.fingerprint || there.sizeBytes !== sealedSizeBytes)
    throw new Error(`the vault gave back other bytes than it was given: ${key}`);
  const sealedSha256 = sent.sha256;
  return { name, mediaType, sizeBytes, sha256, sealedSizeBytes, sealedSha256, vaultKey: key, versionId };
}

/** Both sides stop when either fails: a source that breaks does not, by itself, end a put that waits for its bytes. */
async function put(
  ports: Pick<Ports, "objects">,
  key: string,
  sealedSizeBytes: number,
  { to, artefact, dataKey, stop, signal }: One,
) {
  let measured: Measured | null = null;
  const sealed = measuring((result) => (measured = result));
  const last: Last = { chunk: null };
  const piping = pipeline(expecting(artefact, last), seal(to, dataKey), sealed, { signal });
  const putting = ports.objects.put(key, sealed, {
    sizeBytes: sealedSizeBytes,
    mediaType: "application/octet-stream",
    sha256: () => (measured! as Measured).sha256,
    givesChunks: true,
    signal,
  });
  const [, stored] = await together(stop, [piping, putting]);
  if (artefact.givesChunks && last.chunk) releaseMemory(last.chunk);
  return stored.outcome === "exists" ? stored : { ...stored, sent: measured! as Measured };
}

/** Of a body its last piece, which is sealed only when all is: often its only one. */
type Last = { chunk: Uint8Array | null };

/** The bytes that were measured before, or a failure ahead of their end: other bytes leave no object. */
async function* expecting(
  { open, name, fingerprint, givesChunks }: Artefact,
  last: Last,
): AsyncGenerator<Uint8Array> {
  const found = createFingerprint();
  let given = 0;
  for await (const chunk of open() as AsyncIterable<Uint8Array>) {
    found.update(chunk);
    last.chunk = chunk;
    yield chunk;
    given += chunk.length;
    // After one that fills the sealer's buffer the next is asked for when it is sealed, but for a frame that is still open.
    if (givesChunks && chunk.length >= frameBytes && given % frameBytes === 0) releaseMemory(chunk);
  }
  if (found.digest() !== fingerprint) throw new Error(`${name} changed between fetching and sealing`);
}

/**
 * Waits for all of them; the first that fails stops the others. Thrown is the first fault that is not of being stopped: a
 * vault that fails in the middle of a body breaks the stream of that body before it says why.
 */
async function together<T extends readonly unknown[]>(
  stop: AbortController,
  works: { readonly [Index in keyof T]: Promise<T[Index]> },
): Promise<T> {
  for (const work of works) work.catch((error: unknown) => stop.abort(error));
  const faults = (await Promise.allSettled(works)).flatMap((end) =>
    end.status === "rejected" ? [end.reason as Error] : [],
  );
  if (faults.length > 0) throw faults.find((fault) => !isOfStopping(fault)) ?? faults[0]!;
  stop.signal.throwIfAborted();
  return (await Promise.all(works)) as unknown as T;
}

const isOfStopping = (fault: Error): boolean =>
  fault.name === "AbortError" || ("code" in fault && fault.code === "ERR_STREAM_PREMATURE_CLOSE");

/** What has been read is given back at once: left to the collector, 50 MB of it cost more CPU than their SHA-256. */
async function readBack(
  ports: Pick<Ports, "objects">,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Fingerprinted> {
  const stream = addAbortSignal(signal, await readObject(ports, key, signal));
  const fingerprint = createFingerprint();
  let sizeBytes = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    fingerprint.update(chunk);
    sizeBytes += chunk.length;
    releaseMemory(chunk);
  }
  return { fingerprint: fingerprint.digest(), sizeBytes };
}

const streamSealer: Sealer = { put, readBack };

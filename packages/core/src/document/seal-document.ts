import { addAbortSignal, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { heeding } from "../abort.ts";
import { type Measured, measureAll, measuring, sha256Hex } from "../digest.ts";
import type { KeyContext } from "../ports/keys.ts";
import type { ObjectKey } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import type { Artefact } from "./list-artefacts.ts";
import { readObject } from "./read-object.ts";
import { type Addressee, seal, sealedLength } from "./sealing.ts";

/** An artefact in the vault, read back and found whole. */
export type SealedArtefact = Omit<Artefact, "open"> & {
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

/** How the bytes of one artefact get into the vault, and what is found when they are read from there again. */
export type Sealer = {
  /** Seals an artefact on its way into the vault. `exists`: the key was taken, nothing was written. */
  put(
    ports: Pick<Ports, "objects">,
    key: ObjectKey,
    sealedSizeBytes: number,
    one: One,
  ): Promise<{ outcome: "created"; versionId: string; sealedSha256: string } | { outcome: "exists" }>;
  measure(ports: Pick<Ports, "objects">, key: ObjectKey, signal: AbortSignal): Promise<Measured>;
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
  if (stored.outcome === "exists") throw new Error(`the vault key of this very attempt is taken: ${key}`);
  const { versionId, sealedSha256 } = stored;
  // What the store has is what was sent, byte for byte: only then may anybody be told so.
  const there = await sealer.measure(ports, key, one.signal);
  if (there.sha256 !== sealedSha256 || there.sizeBytes !== sealedSizeBytes)
    throw new Error(`the vault gave back other bytes than it was given: ${key}`);
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
  const piping = pipeline(artefact.open(), expecting(artefact), seal(to, dataKey), sealed, { signal });
  const putting = ports.objects.put(key, sealed, {
    sizeBytes: sealedSizeBytes,
    mediaType: "application/octet-stream",
    sha256: () => (measured! as Measured).sha256,
    givesChunks: true,
    signal,
  });
  const [, stored] = await together(stop, [piping, putting]);
  return stored.outcome === "exists" ? stored : { ...stored, sealedSha256: (measured! as Measured).sha256 };
}

/** Passes on the bytes that were measured before, or fails ahead of their end: a changed file leaves no object. */
function expecting({ name, sizeBytes, sha256 }: Artefact): Transform {
  return measuring((found) => {
    if (found.sha256 !== sha256 || found.sizeBytes !== sizeBytes)
      throw new Error(`${name} changed between fetching and sealing`);
  });
}

/** Waits for all of them; the first that fails stops the others, and its fault is the one thrown. */
async function together<T extends readonly unknown[]>(
  stop: AbortController,
  works: { readonly [Index in keyof T]: Promise<T[Index]> },
): Promise<T> {
  for (const work of works) work.catch((error: unknown) => stop.abort(error));
  await Promise.allSettled(works);
  stop.signal.throwIfAborted();
  return (await Promise.all(works)) as unknown as T;
}

async function measure(
  ports: Pick<Ports, "objects">,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Measured> {
  return await measureAll(addAbortSignal(signal, await readObject(ports, key, signal)));
}

const streamSealer: Sealer = { put, measure };

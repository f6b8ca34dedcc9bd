import { createHash } from "node:crypto";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Measured, measuring } from "../digest.ts";
import type { KeyContext } from "../ports/keys.ts";
import type { Ports } from "../ports/ports.ts";
import type { Artefact } from "./list-artefacts.ts";
import { type Addressee, seal, sealedLength } from "./sealing.ts";

/** An artefact in the vault, read back and found whole. */
export type SealedArtefact = Omit<Artefact, "open"> & { sealedSizeBytes: number; sealedSha256: string; vaultKey: string; versionId: string };
/** A document in the vault under one data key; only the wrapped form of the key leaves this module. */
export type SealedDocument = { artefacts: SealedArtefact[]; wrappedKey: Uint8Array; rootKeyId: string };
type Sealing = { tenantId: string; documentId: string; token: number; artefacts: Artefact[]; signal: AbortSignal };

/** How many artefacts of one document are on their way at once. */
const atOnce = 4;

/**
 * Seals every artefact under one new data key and puts it into the vault below the attempt's own keys, then reads each
 * back. Nothing is recorded: until the store transaction commits, these objects belong to nobody.
 */
export async function sealDocument(ports: Pick<Ports, "objects" | "keys">, sealing: Sealing): Promise<SealedDocument> {
  const { tenantId, documentId, token, artefacts, signal } = sealing;
  const dataKey = await ports.keys.generateDataKey(dataKeyContext(tenantId, documentId, token));
  const waiting = artefacts.map((artefact) => () => sealArtefact(ports, { tenantId, documentId, artefact: artefact.name, attempt: String(token) }, artefact, dataKey.plaintext, signal));
  const sealed: SealedArtefact[] = [];
  try {
    while (waiting.length > 0) sealed.push(...(await Promise.all(waiting.splice(0, atOnce).map((start) => start()))));
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
  const spread = createHash("sha256").update(documentId).digest("hex").slice(0, 2);
  return `v/${spread}/${tenantId}/${documentId}/${attempt}/${artefact}`;
}

async function sealArtefact(ports: Pick<Ports, "objects">, to: Addressee, artefact: Artefact, dataKey: Uint8Array, outer: AbortSignal): Promise<SealedArtefact> {
  const { name, mediaType, sizeBytes, sha256 } = artefact;
  const key = vaultKey(to);
  const sealedSizeBytes = sealedLength(to, sizeBytes);
  const { versionId, sealedSha256 } = await put(ports, { key, to, artefact, dataKey, sealedSizeBytes, outer });
  await readBack(ports, key, { sha256: sealedSha256, sizeBytes: sealedSizeBytes });
  return { name, mediaType, sizeBytes, sha256, sealedSizeBytes, sealedSha256, vaultKey: key, versionId };
}

type Put = { key: string; to: Addressee; artefact: Artefact; dataKey: Uint8Array; sealedSizeBytes: number; outer: AbortSignal };

/** Both sides stop when either fails: a source that breaks does not, by itself, end a put that waits for its bytes. */
async function put(ports: Pick<Ports, "objects">, { key, to, artefact, dataKey, sealedSizeBytes, outer }: Put) {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const sealed = new PassThrough({ highWaterMark: 1024 * 1024 });
  let measured: Measured | null = null;
  const piping = pipeline(artefact.open(), seal(to, dataKey), measuring((result) => (measured = result)), sealed, { signal });
  const putting = ports.objects.put(key, sealed, { sizeBytes: sealedSizeBytes, mediaType: "application/octet-stream", signal });
  for (const side of [piping, putting]) side.catch((error: unknown) => stop.abort(error));
  await Promise.allSettled([piping, putting]);
  const [, stored] = await Promise.all([piping, putting]);
  if (stored.outcome === "exists") throw new Error(`the vault key of this very attempt is taken: ${key}`);
  return { versionId: stored.versionId, sealedSha256: (measured! as Measured).sha256 };
}

/** What the store has is what was sent, byte for byte: only then may anybody be told so. */
async function readBack(ports: Pick<Ports, "objects">, key: string, expected: Measured): Promise<void> {
  let measured: Measured | null = null;
  const sink = measuring((result) => (measured = result));
  await pipeline(await ports.objects.read(key), sink.on("data", () => {}));
  const { sha256, sizeBytes } = measured! as Measured;
  if (sha256 !== expected.sha256 || sizeBytes !== expected.sizeBytes) throw new Error(`the vault gave back other bytes than it was given: ${key}`);
}

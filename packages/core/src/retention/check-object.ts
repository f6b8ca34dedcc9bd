import { once } from "node:events";
import { createHash } from "node:crypto";
import { addAbortSignal } from "node:stream";
import type { Selectable } from "kysely";
import { isOutage } from "../database/outage.ts";
import type { Tables } from "../database/tables.ts";
import { readObject } from "../document/read-object.ts";
import { openSealed } from "../document/sealing.ts";
import type { Ports } from "../ports/ports.ts";

type ObjectPorts = Pick<Ports, "objects">;
type Artefact = Selectable<Tables["artefact"]>;

/**
 * What may be wrong with a sealed object: gone, shorter or longer, other bytes, not to be read, or a message that does not open
 * to what the manifest says.
 */
export type ObjectFault = "missing" | "length" | "sha256" | "unreadable" | "content";

/** A service that is down, throttles or refuses us tells nothing of the document. */
export function isNotTheDocuments(error: unknown): boolean {
  type Known = { name?: string; $metadata?: { httpStatusCode?: number } };
  const { name = "", $metadata } = error as Known;
  if ($metadata?.httpStatusCode === 403) return true;
  return isOutage(error) || /Timeout|AccessDenied|Expired|Unrecognized/.test(name);
}

/** What is wrong with one object. A read that breaks is tried once more before it is called a fault. */
export async function checkObject(
  ports: ObjectPorts,
  artefact: Artefact,
  dataKey: Uint8Array,
  signal: AbortSignal,
): Promise<ObjectFault | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      const head = await ports.objects.head(artefact.vault_key);
      if (head === null) return "missing";
      if (head.sizeBytes !== artefact.sealed_size_bytes) return "length";
      return await readBack(ports, artefact, dataKey, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isNotTheDocuments(error)) throw error;
      if (tries === 2) return "unreadable";
    }
  }
}

/** Reads once: hashes what is sealed and opens it on the way; rejects when the store breaks off. */
async function readBack(
  ports: ObjectPorts,
  artefact: Artefact,
  dataKey: Uint8Array,
  signal: AbortSignal,
): Promise<ObjectFault | null> {
  const digest = createHash("sha256");
  const opening = openFor(artefact, dataKey);
  const opened = drain(opening);
  let sizeBytes = 0;
  try {
    const source = addAbortSignal(signal, await readObject(ports, artefact.vault_key, signal));
    for await (const chunk of source) {
      const sealed = chunk as Uint8Array;
      digest.update(sealed);
      sizeBytes += sealed.byteLength;
      // What does not open is hashed all the same, so that the fault gets its right name.
      if (!opening.destroyed && !opening.write(sealed))
        await Promise.race([once(opening, "drain").catch(() => {}), opened]);
    }
    opening.end();
    const opens = await opened;
    if (sizeBytes !== artefact.sealed_size_bytes) return "length";
    if (digest.digest("hex") !== artefact.sealed_sha256) return "sha256";
    return opens ? null : "content";
  } finally {
    opening.destroy();
  }
}

function openFor(artefact: Artefact, dataKey: Uint8Array) {
  const { tenant_id: tenantId, document_id: documentId, name, attempt } = artefact;
  return openSealed({ tenantId, documentId, artefact: name, attempt: String(attempt) }, dataKey, {
    sizeBytes: artefact.size_bytes,
    sha256: artefact.sha256,
    sealedSizeBytes: artefact.sealed_size_bytes,
  });
}

/** Whether the stream came to its end; nobody keeps what it gives. */
async function drain(stream: ReturnType<typeof openFor>): Promise<boolean> {
  try {
    for await (const plaintext of stream) (plaintext as Uint8Array).fill(0);
    return true;
  } catch {
    return false;
  }
}

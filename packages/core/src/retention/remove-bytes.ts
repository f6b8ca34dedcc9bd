import { vaultPrefix } from "../document/seal-document.ts";
import type { ListedObject } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import { stagingPrefix } from "../upload/staging-key.ts";
import type { Owned } from "./tombstone.ts";

/** So many removals are on their way at once. */
const atOnce = 16;

/**
 * Removes, version by version, all that lies of an erased document in staging and vault, whichever attempt wrote it, and
 * looks again. Answers how many objects and open uploads went. Safe to call again; a document that is not erased must
 * never come here.
 */
export async function removeBytes(ports: Pick<Ports, "objects">, owned: Owned): Promise<number> {
  let removed = 0;
  for await (const upload of ports.objects.listUploads(stagingPrefix(owned))) {
    await ports.objects.abortParts(upload.key, upload.uploadId);
    removed += 1;
  }
  for (const prefix of [stagingPrefix(owned), vaultPrefix(owned)])
    removed += await removeBelow(ports, prefix);
  return removed;
}

async function removeBelow(ports: Pick<Ports, "objects">, prefix: string): Promise<number> {
  const lying = await listed(ports, prefix);
  for (let at = 0; at < lying.length; at += atOnce) {
    const some = lying.slice(at, at + atOnce);
    await Promise.all(some.map(({ key, versionId }) => ports.objects.remove(key, versionId)));
  }
  if (lying.length === 0) return 0;
  const removed = new Set(lying.map(({ versionId }) => versionId));
  const kept = (await listed(ports, prefix)).find(({ versionId }) => removed.has(versionId));
  if (kept) throw new Error(`the store keeps what it was told to remove: ${kept.key}`);
  return lying.length;
}

async function listed(ports: Pick<Ports, "objects">, prefix: string): Promise<ListedObject[]> {
  const all: ListedObject[] = [];
  for await (const one of ports.objects.list(prefix)) all.push(one);
  return all;
}

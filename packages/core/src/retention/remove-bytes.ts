import { vaultPrefix } from "../document/seal-document.ts";
import type { ListedObject } from "../ports/objects.ts";
import type { Ports } from "../ports/ports.ts";
import { stagingPrefix } from "../upload/staging-key.ts";
import type { Owned } from "./tombstone.ts";

/** So many removals are on their way at once. */
const atOnce = 16;

/**
 * Removes, version by version, all that lies of an erased document in staging and vault, whichever attempt wrote it, and
 * looks again. Answers how many objects and open uploads went. What cannot be listed or removed keeps nothing else: the rest
 * goes, then it throws. Safe to call again; a document that is not erased must never come here.
 */
export async function removeBytes(ports: Pick<Ports, "objects">, owned: Owned): Promise<number> {
  const works = [
    () => abortUploads(ports, stagingPrefix(owned)),
    () => removeBelow(ports, stagingPrefix(owned)),
    () => removeBelow(ports, vaultPrefix(owned)),
  ];
  let removed = 0;
  const faults: unknown[] = [];
  for (const work of works) removed += await work().catch((error: unknown) => (faults.push(error), 0));
  if (faults.length > 0) throw faults[0];
  return removed;
}

async function abortUploads({ objects }: Pick<Ports, "objects">, prefix: string): Promise<number> {
  let aborted = 0;
  for await (const { key, uploadId } of objects.listUploads(prefix)) {
    await objects.abortParts(key, uploadId);
    aborted += 1;
  }
  return aborted;
}

async function removeBelow(ports: Pick<Ports, "objects">, prefix: string): Promise<number> {
  const { lying, fault } = await listed(ports, prefix);
  for (let at = 0; at < lying.length; at += atOnce) {
    const some = lying.slice(at, at + atOnce);
    await Promise.all(some.map(({ key, versionId }) => ports.objects.remove(key, versionId)));
  }
  if (fault !== null) throw fault;
  if (lying.length === 0) return 0;
  const removed = new Set(lying.map(({ versionId }) => versionId));
  const left = await listed(ports, prefix);
  if (left.fault !== null) throw left.fault;
  const kept = left.lying.find(({ versionId }) => removed.has(versionId));
  if (kept) throw new Error(`the store keeps what it was told to remove: ${kept.key}`);
  return lying.length;
}

/** `fault`: why there may be more. */
async function listed(
  { objects }: Pick<Ports, "objects">,
  prefix: string,
): Promise<{ lying: ListedObject[]; fault: Error | null }> {
  const lying: ListedObject[] = [];
  try {
    for await (const one of objects.list(prefix)) lying.push(one);
    return { lying, fault: null };
  } catch (error) {
    return { lying, fault: error as Error };
  }
}

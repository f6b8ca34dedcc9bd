import { join } from "node:path";
import { DamagedObject, Refusal } from "@strongroom/core/errors";

/**
 * What a start says of a replay of tombstones that failed: where files below `objects/tombstones` are damaged, a Refusal that
 * names them and says what to do; any other error as it is. What is damaged is not passed over: it may be what was erased.
 */
export function explainReplay(error: Error, dataDirectory: string): Error {
  // What is damaged elsewhere, as an object that was to be removed, is told as it is: nothing can be put in its place.
  const keys = new Set(damagedIn(error).flatMap(({ key }) => (key.startsWith("t/") ? [key] : [])));
  if (keys.size === 0) return error;
  const tombstones = join(dataDirectory, "objects", "tombstones");
  const damaged = [...keys].map((key) => `${join(tombstones, key.slice("t/".length))}@ is damaged.`);
  const advice =
    "Nobody is served before every tombstone and certificate of an erasure can be read. Put its copy in its place; where there " +
    "is none, docs/runbooks/restore.md says what to do (A damaged tombstone or certificate). Then start again.";
  return new Refusal("tombstones_damaged", [...damaged, advice].join("\n"), { status: 409 });
}

/** A list tells of many at once; an item that failed is the cause of what its step says. */
function damagedIn(error: unknown): DamagedObject[] {
  if (error instanceof DamagedObject) return [error];
  if (error instanceof AggregateError) return error.errors.flatMap(damagedIn);
  return error instanceof Error ? damagedIn(error.cause) : [];
}

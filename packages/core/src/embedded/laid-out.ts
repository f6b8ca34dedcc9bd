import { access } from "node:fs/promises";
import { join } from "node:path";
import { objectAreas } from "./object-directory.ts";
import { readReceiptKey, receiptKeyPath } from "./receipt-key.ts";
import { firstRootKeyPath, readRootKeys } from "./root-key.ts";

/**
 * Throws when a data directory lacks keys or an area of objects that its start made. A worker that connects would make new
 * ones in silence, be it that a disk went away: documents sealed under a key of which nobody has a copy, in a place that the
 * disk covers when it is back.
 */
export async function refuseUnlaid(dataDirectory: string): Promise<void> {
  const keys = join(dataDirectory, "keys");
  for (const path of [keys, ...objectAreas.map((area) => join(dataDirectory, "objects", area))])
    await access(path).catch((cause: Error) => Promise.reject(missing(path, cause)));
  if ((await readRootKeys(keys)).length === 0) throw missing(firstRootKeyPath(keys));
  if ((await readReceiptKey(keys)) === null) throw missing(receiptKeyPath(keys));
}

const missing = (path: string, cause?: Error): Error =>
  new Error(`${path} is missing, which the start of the whole makes. Is its disk mounted?`, { cause });

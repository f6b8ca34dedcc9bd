import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectFacts, ObjectKey } from "../ports/objects.ts";
import { isErrno, type ObjectDirectories } from "./object-directory.ts";
import { isSegment } from "../ports/object-key.ts";

/** So many damaged objects are named in the error that ends a list. */
const namedAtMost = 10;

/**
 * Every object under a prefix in key order; in memory are the names of one directory per level.
 * A damaged object does not hide the sound ones: the list goes on, and fails at its end with their names.
 */
export async function* listObjects(
  directories: ObjectDirectories,
  prefix: string,
  head: (key: ObjectKey) => Promise<ObjectFacts | null>,
): AsyncGenerator<ObjectFacts> {
  const damaged: unknown[] = [];
  for await (const key of keysUnder(directories, prefix)) {
    try {
      const facts = await head(key);
      if (facts !== null) yield facts;
    } catch (error) {
      if (damaged.length < namedAtMost) damaged.push(error);
    }
  }
  if (damaged.length > 0)
    throw new AggregateError(damaged, `damaged objects under ${prefix}: ${damaged.map(String).join("; ")}`);
}

async function* keysUnder(directories: ObjectDirectories, prefix: string): AsyncGenerator<ObjectKey> {
  const { staging, tombstones, vault } = directories;
  if (meets("s/", prefix)) yield* walk(staging, "s/", prefix);
  if (meets("t/", prefix)) yield* walk(tombstones, "t/", prefix);
  if (meets("v/", prefix)) yield* walk(vault, "v/", prefix);
}

async function* walk(directory: string, above: string, prefix: string): AsyncGenerator<ObjectKey> {
  const named = prefix.startsWith(above) ? prefix.slice(above.length).split("/") : [];
  if (named.length > 1) {
    // The prefix names the directory: the others need not be read.
    const name = named[0]!;
    if (isSegment(name)) yield* walk(join(directory, name), `${above}${name}/`, prefix);
    return;
  }
  for (const name of await sortedNames(directory)) {
    const key = `${above}${name}`;
    if (!meets(key, prefix)) continue;
    if (key.endsWith("/")) yield* walk(join(directory, name), key, prefix);
    else yield key;
  }
}

/** Names of objects as they are, of directories with a slash: sorted so, the walk meets keys in their own order. */
async function sortedNames(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const names = entries.flatMap((entry) => {
      if (entry.isDirectory()) return [`${entry.name}/`];
      return entry.name.endsWith("@") ? [entry.name.slice(0, -1)] : [];
    });
    return names.sort((one, other) => (one < other ? -1 : 1));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function meets(key: string, prefix: string): boolean {
  return key.startsWith(prefix) || (key.endsWith("/") && prefix.startsWith(key));
}

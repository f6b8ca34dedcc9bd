import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { KeyRange, ObjectFacts, ObjectKey } from "../ports/objects.ts";
import { isErrno, type ObjectDirectories } from "./object-directory.ts";
import { isSegment } from "../ports/object-key.ts";

/** So many damaged objects are named in the error that ends a list. */
const namedAtMost = 10;

type Wanted = KeyRange & { prefix: string };

/**
 * Every object under a prefix in key order; in memory are the names of one directory per level.
 * A damaged object does not hide the sound ones: the list goes on, and fails at its end with their names.
 */
export async function* listObjects(
  directories: ObjectDirectories,
  wanted: Wanted,
  head: (key: ObjectKey) => Promise<ObjectFacts | null>,
): AsyncGenerator<ObjectFacts> {
  const damaged: unknown[] = [];
  for await (const key of keysUnder(directories, wanted)) {
    try {
      const facts = await head(key);
      if (facts !== null) yield facts;
    } catch (error) {
      if (damaged.length < namedAtMost) damaged.push(error);
    }
  }
  if (damaged.length > 0)
    throw new AggregateError(
      damaged,
      `damaged objects under ${wanted.prefix}: ${damaged.map(String).join("; ")}`,
    );
}

async function* keysUnder(directories: ObjectDirectories, wanted: Wanted): AsyncGenerator<ObjectKey> {
  const { staging, tombstones, vault } = directories;
  if (meets("s/", wanted)) yield* walk(staging, "s/", { ...wanted, area: staging });
  if (meets("t/", wanted)) yield* walk(tombstones, "t/", { ...wanted, area: tombstones });
  if (meets("v/", wanted)) yield* walk(vault, "v/", { ...wanted, area: vault });
}

type InArea = Wanted & { area: string };

async function* walk(directory: string, above: string, wanted: InArea): AsyncGenerator<ObjectKey> {
  const { prefix } = wanted;
  const named = prefix.startsWith(above) ? prefix.slice(above.length).split("/") : [];
  if (named.length > 1) {
    // The prefix names the directory: the others need not be read.
    const name = named[0]!;
    if (isSegment(name)) yield* walk(join(directory, name), `${above}${name}/`, wanted);
    return;
  }
  for (const name of await sortedNames(directory, wanted)) {
    const key = `${above}${name}`;
    if (!meets(key, wanted)) continue;
    if (key.endsWith("/")) yield* walk(join(directory, name), key, wanted);
    else yield key;
  }
}

/**
 * Names of objects as they are, of directories with a slash: sorted so, the walk meets keys in their own order. None when
 * the directory was removed; what the system says when it is its whole area that is away: then nothing is known.
 */
async function sortedNames(directory: string, { area }: InArea): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const names = entries.flatMap((entry) => {
      if (entry.isDirectory()) return [`${entry.name}/`];
      return entry.name.endsWith("@") ? [entry.name.slice(0, -1)] : [];
    });
    return names.sort((one, other) => (one < other ? -1 : 1));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    await access(area);
    return [];
  }
}

/** Whether an object is wanted, or a directory (its name ends with a slash) may hold one that is. */
function meets(key: string, { prefix, after = "", upTo }: Wanted): boolean {
  const isDirectory = key.endsWith("/");
  if (upTo !== undefined && key > upTo) return false;
  if (key <= after && !(isDirectory && after.startsWith(key))) return false;
  return key.startsWith(prefix) || (isDirectory && prefix.startsWith(key));
}

import { fstatSync, linkSync, mkdirSync, statSync } from "node:fs";
import { type FileHandle, link, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { directoryMode, isErrno, openIfThere } from "./object-directory.ts";

/** Makes durable which names are in a directory. */
type Sync = (directory: FileHandle, path: string) => Promise<void>;

/** A directory in which objects are being put; `held` once one of them has its name. */
type Place = { writers: number; held: Promise<FileHandle | null> | null };

/** How often a directory may be removed under a writer who is just creating it. */
const linkAttempts = 100;
/** What mkdir and link say then (the last two are mkdir's alone, when what it met is gone at its second look). */
const directoryErrors = ["ENOENT", "ENOTDIR", "EEXIST"];

/**
 * Gives objects their names. All artefacts of a document lie in one directory of its own, some levels down: while several are on
 * their way there, the first one makes the directory durable, with those above it, and holds it open for the others.
 */
export class ObjectNames {
  readonly #root: string;
  readonly #sync: Sync;
  readonly #places = new Map<string, Place>();

  /** Below `root`. `sync`: of tests alone. */
  constructor(root: string, sync: Sync = (directory) => directory.sync()) {
    this.#root = root;
    this.#sync = sync;
  }

  /** Calls `work`, which may give a file this name, once. */
  async naming<T>(name: string, work: (give: GiveName) => Promise<T>): Promise<T> {
    const path = dirname(name);
    const place = this.#places.get(path) ?? { writers: 0, held: null };
    this.#places.set(path, place);
    place.writers += 1;
    try {
      return await work((file) => this.#give(place, file, name));
    } finally {
      place.writers -= 1;
      if (place.writers === 0) this.#places.delete(path);
      if (place.writers === 0) await (await place.held?.catch(() => null))?.close();
    }
  }

  /** Makes a name durable that is there: whoever gave it may have been killed before it was. */
  async makeDurable(name: string): Promise<void> {
    await this.#syncAll([dirname(name), ...this.#above(dirname(name))]);
  }

  async #give(place: Place, file: string, name: string): Promise<"created" | "exists"> {
    const outcome = await linkUnlessTaken(file, name);
    const isFirst = place.held === null;
    place.held ??= this.#hold(dirname(name));
    const held = await place.held;
    // The first one's name was there before the directory was made durable.
    if (held !== null && !isFirst) await this.#sync(held, dirname(name));
    // Removed under us when it was empty, and made anew by the link or somebody else: that one nobody has made durable.
    if (held === null || isGone(held, dirname(name))) await this.makeDurable(name);
    return outcome;
  }

  /** A directory, held open, that is durable with all that was in it and above it; null when it is gone. */
  async #hold(path: string): Promise<FileHandle | null> {
    const directory = await openIfThere(path);
    if (directory === null) return null;
    try {
      await Promise.all([this.#sync(directory, path), this.#syncAll(this.#above(path))]);
      return directory;
    } catch (error) {
      await directory.close();
      throw error;
    }
  }

  /** The directories above one, up to the root: whoever puts an area away gets it back with the next object in it. */
  #above(path: string): string[] {
    const above: string[] = [];
    for (let at = dirname(path); at.length >= this.#root.length; at = dirname(at)) above.push(at);
    return above;
  }

  /** All at once: what waits for the disk together is made durable in one go, and it is durable when the last one is. */
  async #syncAll(paths: string[]): Promise<void> {
    await Promise.all(
      paths.map(async (path) => {
        const directory = await openIfThere(path); // gone: then the name that was asked for is, too
        try {
          if (directory) await this.#sync(directory, path);
        } finally {
          await directory?.close();
        }
      }),
    );
  }
}

/**
 * Gives a finished file the name if nobody bears it yet; durable in either case when it resolves. link(2) is what decides
 * between writers, also between processes.
 */
export type GiveName = (file: string) => Promise<"created" | "exists">;

/** Whether this directory is no more the one at that path. Both were just used, and are known without asking the disk. */
function isGone({ fd }: FileHandle, path: string): boolean {
  const there = statSync(path, { bigint: true, throwIfNoEntry: false });
  return there?.ino !== fstatSync(fd, { bigint: true }).ino;
}

async function linkUnlessTaken(file: string, name: string): Promise<"created" | "exists"> {
  const options = { recursive: true, mode: directoryMode };
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (attempt === 1) {
        await mkdir(dirname(name), options);
        await link(file, name);
      } else {
        // Somebody who deleted the neighbours took the empty directory with them: now without a pause in between.
        mkdirSync(dirname(name), options);
        linkSync(file, name);
      }
      return "created";
    } catch (error) {
      if (isErrno(error, "EEXIST", "link")) return "exists";
      if (!directoryErrors.some((code) => isErrno(error, code)) || attempt === linkAttempts) throw error;
    }
  }
}

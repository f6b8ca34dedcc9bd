import { access, chmod, constants, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Refusal } from "@strongroom/core/errors";
import { runningAsRoot } from "./postgres-binaries.ts";
import { holdDirectory } from "./postgres-leftover.ts";

/** A directory that is ours alone until `letGo`, or until this process ends. */
export type HeldDirectory = { path: string; letGo(): Promise<void> };

/** Makes the data directory if need be and holds it. Throws a Refusal when it cannot be used, or when somebody else has it. */
export async function openDataDirectory(wanted: string): Promise<HeldDirectory> {
  const path = await makeUsable(resolve(wanted)).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(
      "data_directory_unusable",
      `The data directory ${resolve(wanted)} cannot be used (${error.code ?? error.message}). ` +
        "Choose another with STRONGROOM_DATA, or make it one that you may read and write.",
    );
  });
  const hold = await holdDirectory(path);
  return { path, letGo: () => new Promise((done) => hold.close(() => done())) };
}

async function makeUsable(path: string): Promise<string> {
  await makeDirectory(path);
  await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  // PostgreSQL, which runs as somebody else, passes through; all within is closed. Whatever else the directory is for stays as it is.
  if (runningAsRoot() && (await isOurs(path))) await chmod(path, 0o711);
  return await realpath(path);
}

/** What a start, a restore or the demo lays down first. */
const ofOurs = ["postgres", "objects", "keys", "secrets.json", "local.log"];

async function isOurs(path: string): Promise<boolean> {
  const names = await namesIn(path);
  return names.length === 0 || names.some((name) => ofOurs.includes(name));
}

/** As `mkdir -p`. Node's own never ends below /proc: there the parent is a directory, and yet nothing can be made in it (ENOENT). */
async function makeDirectory(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  await makeDirectory(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch(async (error: Error) => {
    if (!(await isDirectory(path))) throw error; // somebody else made it meanwhile: as good
  });
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Where our own database lies. `postgres` is a directory, or a link to one outside: the data name their place. */
export const databaseDirectory = (dataDirectory: string): string => join(dataDirectory, "postgres", "data");

/**
 * Names in a directory; none when it is not there, which is as good as empty: so looks the place of a disk that is not
 * mounted. Throws a Refusal when it cannot be read.
 */
export async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new Refusal(
      "directory_unreadable",
      `${directory} cannot be read (${error.code ?? error.message}). ` +
        "Mend its disk, or start as the user who started before.",
    );
  });
}

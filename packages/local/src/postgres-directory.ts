import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  mkdir,
  open,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { Refusal } from "@strongroom/core/errors";
import { refuseUnsearchable, runningAsRoot, unprivilegedId } from "./postgres-binaries.ts";

/** Name of the one superuser. */
export const superuserName = "postgres";

/** Options of `spawn` and the like under which PostgreSQL runs: never root, and none of our environment. */
export function asPostgres(cwd: string) {
  const identity = runningAsRoot() ? { uid: unprivilegedId, gid: unprivilegedId } : {};
  return { cwd, env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" }, ...identity };
}

/** The real path of a data directory whose parent exists from now on; throws a Refusal when PostgreSQL could not get there. */
export async function reachableDirectory(path: string): Promise<string> {
  await makeReachable(dirname(resolve(path)));
  const parent = await realpath(dirname(resolve(path)));
  const real = await realpath(resolve(path)).catch(() => join(parent, basename(path)));
  if (!runningAsRoot()) return real;
  for (let above = dirname(real); ; above = dirname(above)) {
    await refuseUnsearchable(above, "the data directory");
    if (above === dirname(above)) return real;
  }
}

/** What is made here may be passed through by the user of PostgreSQL, whatever the umask says; what was there is left. */
async function makeReachable(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined || !runningAsRoot()) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) await chmod(made, 0o711);
}

/**
 * Makes the database cluster where there is none yet, and answers the superuser's password, which is kept in
 * `<secretsDirectory>/postgres-password`, readable by us alone. A directory is a cluster as a whole or not at all.
 */
export async function ensureCluster(
  binaries: string,
  dataDirectory: string,
  secretsDirectory: string,
  durable: boolean,
): Promise<string> {
  const entries = await readdir(dataDirectory).catch((): string[] => []);
  const exists = entries.includes("PG_VERSION");
  if (!exists && entries.length > 0) {
    throw new Refusal(
      "data_directory_not_empty",
      `${dataDirectory} holds files, but no database. Choose an empty directory, or one that does not exist yet.`,
    );
  }
  const password = await keptPassword(join(secretsDirectory, "postgres-password"), exists);
  if (!exists) await initialise(binaries, dataDirectory, password, durable);
  await refuseForeignOwner(dataDirectory);
  return password;
}

async function keptPassword(path: string, mustExist: boolean): Promise<string> {
  const kept = await readFile(path, "utf8").catch(() => null);
  if (kept !== null) return kept.trim();
  if (mustExist) {
    throw new Refusal(
      "postgres_password_missing",
      `${path} is missing, but its database exists. Restore the file from your backup; without it nobody can enter.`,
    );
  }
  const password = randomBytes(24).toString("base64url");
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, `${password}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  return password;
}

/** initdb writes its version file early, so a killed one leaves half a cluster: it works beside, and is moved when done. */
async function initialise(
  binaries: string,
  dataDirectory: string,
  password: string,
  durable: boolean,
): Promise<void> {
  const [fresh, passwordFile] = [`${dataDirectory}.new`, `${dataDirectory}.new-password`];
  await rm(fresh, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  await mkdir(fresh, { mode: 0o700 });
  try {
    await writeFile(passwordFile, password, { mode: 0o600, flag: "wx" });
    if (runningAsRoot()) {
      await chown(fresh, unprivilegedId, unprivilegedId);
      await chown(passwordFile, unprivilegedId, unprivilegedId);
    }
    await initdb(binaries, fresh, passwordFile, durable);
    await rename(fresh, dataDirectory);
    await syncDirectory(dirname(dataDirectory));
  } finally {
    await rm(passwordFile, { force: true });
    await rm(fresh, { recursive: true, force: true });
  }
}

/** The built-in C.UTF-8 locale sorts and folds case alike on every machine; checksums find bits that rot. */
async function initdb(
  binaries: string,
  directory: string,
  passwordFile: string,
  durable: boolean,
): Promise<void> {
  const options = [
    `--pgdata=${directory}`,
    `--username=${superuserName}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
  ];
  if (!durable) options.push("--no-sync");
  await promisify(execFile)(join(binaries, "bin", "initdb"), options, asPostgres(directory)).catch(
    (cause) => {
      throw new Error("initdb could not make the database", { cause });
    },
  );
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync();
  await handle.close();
}

async function refuseForeignOwner(dataDirectory: string): Promise<void> {
  const expected = runningAsRoot() ? unprivilegedId : process.getuid?.();
  const { uid } = await stat(dataDirectory);
  if (uid === expected) return;
  throw new Refusal(
    "data_directory_of_another_user",
    `${dataDirectory} belongs to user ${uid}, but PostgreSQL would run as user ${expected}. ` +
      `Start Strongroom as it was started before, or hand the directory over: chown -R ${expected} ${dataDirectory}`,
  );
}

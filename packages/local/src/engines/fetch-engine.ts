import { execFile } from "node:child_process";
import { access, constants, mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { engineCache } from "./engines.ts";

const run = promisify(execFile);
/** A build of versitygw from source takes three minutes on two cores; ten times that is a hang. */
const fetchLimitMs = 30 * 60_000;

/**
 * The directory of one version of an engine, filled by `fill` the first time: elsewhere first, then renamed, so that
 * whoever comes meanwhile finds all of it or nothing.
 */
export async function fetchEngine(name: string, version: string, fill: (directory: string) => Promise<void>) {
  const directory = join(engineCache(), `${name}-${version}`);
  if (await exists(directory)) return directory;
  await mkdir(engineCache(), { recursive: true });
  const fresh = await mkdtemp(`${directory}-new-`);
  try {
    process.stderr.write(`fetching ${name} ${version} …\n`);
    await fill(fresh);
    await rename(fresh, directory).catch(async (error: unknown) => {
      if (!(await exists(directory))) throw error; // otherwise somebody else was first
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return directory;
}

/** Runs a client to its end, and gives its output; throws with the end of what it printed. */
export async function runClient(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
) {
  await requireCommand(command);
  try {
    // oxlint-disable-next-line node/no-process-env, eslint/no-restricted-properties -- clients find their registry there
    const env = { ...process.env, ...options.env };
    const { stdout } = await run(command, args, {
      ...options,
      env,
      timeout: fetchLimitMs,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (cause) {
    const { stdout = "", stderr = "" } = cause as { stdout?: string; stderr?: string };
    const tail = `${stdout}\n${stderr}`.trim().split("\n").slice(-8).join("\n");
    throw new Error(`${command} ${args.join(" ")} failed:\n${tail}`, { cause });
  }
}

/** Throws a plain sentence unless the command is on the PATH. */
export async function requireCommand(command: string): Promise<void> {
  if ((await findCommand(command)) === null) throw new Error(`${command} is not installed`);
}

/** Where on the PATH a command lies, or at its own path if it is one; null when nowhere. */
export async function findCommand(command: string): Promise<string | null> {
  // oxlint-disable-next-line node/no-process-env, eslint/no-restricted-properties -- the PATH is the machine's
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    const path = resolve(directory, command);
    if (
      directory !== "" &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return path;
  }
  return null;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

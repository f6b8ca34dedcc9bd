import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type Cage, decoderId } from "./isolation.ts";

const limitMs = 10_000;

/**
 * Compiles what children load, once, by a child that is given no file: one that finds its code compiled starts with 0.15
 * instead of 0.35 CPU seconds, and each hostile file costs a start. Answers the directory below `parent`, or null where it
 * would not be out of every child's reach: whoever can write there decides what all later children do.
 */
export async function compileCode(cage: Cage, entry: string, parent: string): Promise<string | null> {
  if (!cage.layers.includes("limits")) return null; // no child writes a byte because of them
  const directory = await mkdtemp(join(parent, "strongroom-compiled-"));
  const isOther = cage.layers.includes("user");
  await chmod(directory, 0o755);
  if (isOther) await chown(directory, decoderId, decoderId);
  const { file, args, options } = cage.compiler(entry, directory);
  const child = spawn(file, args, { ...options, timeout: limitMs, killSignal: "SIGKILL" });
  child.on("error", () => {}); // it could not be started: see below
  const pipe = child.stdio[3] as Duplex;
  pipe.on("error", () => {}).resume();
  pipe.end(); // it starts, finds no job and leaves
  child.stderr?.resume();
  await once(child, "close").catch(() => {}); // it could not be started: nothing is compiled, and children start slower
  if (isOther) await takeBack(directory);
  return directory;
}

/** From now on it is the parent's: children may read it. */
async function takeBack(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    await chown(path, process.getuid!(), process.getgid!());
    await chmod(path, entry.isDirectory() ? 0o755 : 0o644);
  }
  await chown(directory, process.getuid!(), process.getgid!());
}

import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, sep } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Isolation } from "@strongroom/core/document/rendering";
import { encodeHeader, FrameReader } from "./frames.ts";

/**
 * The walls around a child, in the order in which they are put up:
 * `limits` (prlimit: memory, CPU, no byte written to a file), `user` (setpriv: from root to nobody),
 * `network` (unshare: a network namespace with nothing in it), `leash` (setpriv: dies with its parent, gains no
 * privilege), `permission` (Node's own: reads only code, starts no process; a wall for scripts, none for native code).
 */
export const layers = ["limits", "user", "network", "leash", "permission"] as const;
export type Layer = (typeof layers)[number];

/** How children are started on this machine, by what was proven to work. */
export type Cage = {
  isolation: Isolation;
  layers: readonly Layer[];
  /** The program, arguments and options that run `entry`, the absolute path of a module, inside; `compiled` is where its code lies compiled. */
  command(entry: string, allowance: CageAllowance, compiled?: string | null): Command;
  /** The same for a child that is given no file and writes its compiled code below a directory. */
  compiler(entry: string, compiled: string): Command;
};
export type Command = { file: string; args: string[]; options: SpawnOptions };

/** Memory for the pixels of one file; CPU for a child's whole life, a backstop should its parent be gone. */
export type CageAllowance = { memoryBytes: number; cpuSeconds: number };

/** RLIMIT_DATA counts what Node reserves and never touches: 600 MB and more when idle (measured). */
const reservedBytes = 600 * 1024 * 1024;
/** Not 65534: PostgreSQL runs as that one, and whoever shares its number may read its files and kill it. */
export const decoderId = 65_533;
const probeEntry = join(import.meta.dirname, "probe.ts");
const probeDeadlineMs = 10_000;
const probeAllowance: CageAllowance = { memoryBytes: 512 * 1024 * 1024, cpuSeconds: 60 };

/** All that a child inherits. With one arena what one thread freed serves the others: 20 MB less at its highest than with two (measured). */
const environment = { MALLOC_ARENA_MAX: "1", UV_THREADPOOL_SIZE: "2" };

/**
 * Finds the strongest cage that works here and proves it with a probe child. Never fails because a wall is missing;
 * throws only when not even a bare child can decode. `scratch` is the empty directory that children stand in.
 */
export async function findCage(scratch: string): Promise<Cage> {
  const available = layers.filter(isAvailable);
  let isolation = await prove(available, scratch);
  if (isolation) return cageOf(available, isolation, scratch);
  const alone: Layer[] = [];
  for (const layer of available) if (await prove([layer], scratch)) alone.push(layer);
  for (let kept = alone; ; kept = kept.slice(0, -1)) {
    isolation = await prove(kept, scratch);
    if (isolation) return cageOf(kept, isolation, scratch);
    if (kept.length === 0) throw new Error("no decode child can run on this machine");
  }
}

function cageOf(kept: readonly Layer[], isolation: Isolation, scratch: string): Cage {
  return {
    isolation,
    layers: kept,
    command: (entry, allowance, compiled = null) => commandOf(kept, entry, allowance, { scratch, compiled }),
    compiler: (entry, compiled) => {
      const writing = kept.filter((layer) => layer !== "limits");
      return commandOf(writing, entry, probeAllowance, { scratch, compiled });
    },
  };
}

/** Tools exec one another in place, so the pid stays Node's and the socket pair stays open. */
function commandOf(
  kept: readonly Layer[],
  entry: string,
  allowance: CageAllowance,
  { scratch, compiled }: { scratch: string; compiled: string | null },
): Command {
  const wrappers = kept.map((layer) => wrapperOf(layer, allowance)).filter((wrapper) => wrapper !== null);
  // Pictures lie outside of V8's heap and still make it collect: in one go that costs a third less than beside the work.
  const options = ["--no-warnings", "--expose-gc", "--no-incremental-marking", "--max-old-space-size=128"];
  // V8 compiles WebAssembly anew once it ran for long, 13 million by default: the first PDF of a child pays for it with a
  // fifth of its CPU and no later one gains by it (nor does a HEIC of 12 megapixels lose).
  const node = [process.execPath, ...options, "--wasm-tiering-budget=300000000"];
  if (kept.includes("permission")) node.push("--permission", "--allow-addons", ...readable(entry));
  // Node reads compiled code only where it may also write; that it cannot is for the user's and the limits' wall to say.
  if (compiled !== null && kept.includes("permission"))
    node.push(`--allow-fs-read=${compiled}${sep}`, `--allow-fs-write=${compiled}${sep}`);
  const [file, ...args] = [...wrappers.flat(), ...node, entry];
  // Its own process group: a forked grandchild is killed with it, and Ctrl-C in a terminal reaches the parent only.
  const stdio: SpawnOptions["stdio"] = ["ignore", "ignore", "pipe", "pipe"];
  const env = { ...environment, ...(compiled !== null && { NODE_COMPILE_CACHE: compiled }) };
  return { file: file!, args, options: { cwd: scratch, env, stdio, detached: true } };
}

function wrapperOf(layer: Layer, { memoryBytes, cpuSeconds }: CageAllowance): string[] | null {
  switch (layer) {
    case "limits": {
      const data = `--data=${reservedBytes + memoryBytes}`;
      return [tool("prlimit"), data, `--cpu=${cpuSeconds}`, "--core=0", "--nofile=64", "--fsize=0", "--"];
    }
    case "user":
      return [tool("setpriv"), `--reuid=${decoderId}`, `--regid=${decoderId}`, "--clear-groups", "--"];
    case "network":
      // Without a mapping to root: the new namespace's capabilities are gone when Node is executed.
      return [tool("unshare"), "--user", "--net", "--"];
    case "leash":
      return [tool("setpriv"), "--no-new-privs", "--pdeathsig", "KILL", "--"];
    case "permission":
      return null;
  }
}

/** What scripts may read: their own code and the packages they load. */
function readable(entry: string): string[] {
  const packages = ["sharp", "heic-decode", "@hyzyla/pdfium"].map((name) => {
    const path = fileURLToPath(import.meta.resolve(name));
    const folder = `${sep}node_modules${sep}`;
    return path.slice(0, path.indexOf(folder) + folder.length);
  });
  const folders = new Set([...packages, dirname(entry) + sep, import.meta.dirname + sep]);
  return [...folders].map((folder) => `--allow-fs-read=${folder}`);
}

function isAvailable(layer: Layer): boolean {
  if (layer === "permission") return process.allowedNodeEnvironmentFlags.has("--permission");
  if (layer === "user" && process.getuid?.() !== 0) return false;
  const wrapper = wrapperOf(layer, probeAllowance);
  return wrapper !== null && wrapper[0] !== "";
}

/** Absolute path of a program in the system's own folders, "" when it is not there; PATH is nobody's business. */
function tool(name: string): string {
  const found = ["/usr/bin", "/bin", "/usr/sbin"].map((folder) => join(folder, name)).find(isExecutable);
  return found ?? "";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a probe child reaches from behind these walls; null when it cannot even decode there. */
async function prove(kept: readonly Layer[], scratch: string): Promise<Isolation | null> {
  const listener = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  try {
    await once(listener, "listening");
    const { port } = listener.address() as { port: number };
    const command = commandOf(kept, probeEntry, probeAllowance, { scratch, compiled: null });
    const findings = await ask(command, { port, memoryBytes: reservedBytes + probeAllowance.memoryBytes });
    if (findings === null) return null;
    // sharp sets VIPSHOME for itself; anything else would have been inherited.
    const inherited = (findings.environment as string[]).filter(
      (name) => !(name in environment) && name !== "VIPSHOME",
    );
    if (inherited.length > 0) return null;
    return {
      network: findings.reachedNetwork === false ? "none" : "shared",
      memoryLimit: findings.memoryIsLimited === true ? "rlimit" : "heap_only",
      environment: "empty",
    };
  } finally {
    listener.close();
  }
}

async function ask({ file, args, options }: Command, question: Record<string, unknown>) {
  const child = spawn(file, args, { ...options, timeout: probeDeadlineMs, killSignal: "SIGKILL" });
  child.on("error", () => {}); // it could not be started: no findings
  const pipe = child.stdio[3] as Duplex;
  const reader = new FrameReader(0);
  let findings: Record<string, unknown> | null = null;
  pipe.on("error", () => {}); // the child went away: no findings
  pipe.on("data", (chunk: Buffer) => (findings = reader.push(chunk)?.header ?? findings));
  pipe.write(encodeHeader(question, []));
  child.stderr?.resume();
  await once(child, "close").catch(() => {}); // it could not be started at all
  return findings as Record<string, unknown> | null;
}

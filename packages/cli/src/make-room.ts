import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { LocalProblem, UsageProblem } from "./problems.ts";

/** What a person said about where to put files: into a directory (`all`), under a name (`output`), or nothing. */
type Place = { all?: string; output?: string };

/** Sees to it that a file can be written to `path`; only what was named by `output` replaces another file. */
export async function makeRoom(path: string, { all, output }: Place): Promise<void> {
  if (all !== undefined) await makeDirectory(all);
  const there = await kindOf(path);
  if (output === undefined && there !== "nothing") throw fileExists(path, all);
  if (there === "directory") throw new UsageProblem(`${path} is a directory: name a file in it.`);
  const directory = dirname(path);
  const above = await kindOf(directory);
  if (above === "nothing") throw new UsageProblem(`There is no directory ${directory}.`);
  if (above === "file") throw notDirectory(directory);
}

async function makeDirectory(path: string): Promise<void> {
  if ((await kindOf(path)) === "file") throw notDirectory(path);
  await mkdir(path, { recursive: true });
}

async function kindOf(path: string): Promise<"nothing" | "file" | "directory"> {
  try {
    return (await stat(path)).isDirectory() ? "directory" : "file";
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return "nothing";
    throw error;
  }
}

const notDirectory = (path: string) => new UsageProblem(`${path} is not a directory.`);

function fileExists(path: string, all: string | undefined): LocalProblem {
  const advice =
    all === undefined
      ? "Say where to put it with -o, or move it away."
      : "Choose another directory, or move it away.";
  return new LocalProblem("file_exists", `${path} is already there. ${advice}`);
}

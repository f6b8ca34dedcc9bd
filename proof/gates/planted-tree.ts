import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const repository = join(import.meta.dirname, "../..");

/** What the checks read of the repository beside the sources; copied as it stands. */
const configurations = [".oxlintrc.json", ".oxfmtrc.json", ".gitignore", "knip.json", "tsconfig.json"];

/** Tools that the scripts of package.json start; the only dependencies of a planted tree's root. */
const tools = ["@types/node", "knip", "oxfmt", "oxlint", "oxlint-tsgolint", "typescript", "vitest"];

/** One file of a planted tree; `path` counts from its root. */
export type PlantedFile = { path: string; content: string };

type RootManifest = Record<"scripts" | "devDependencies", Record<string, string>> &
  Record<"type" | "workspaces", unknown>;

/** How a check ended; `output` is without colours, which some tools print in CI whatever they are told. */
export type CheckResult = { status: number; output: string };

/** A small repository in a temporary folder, judged by the configuration and the scripts of the real one. */
export type PlantedTree = {
  /** Runs `npm run <script> -- <options>`; rejects only when npm itself cannot be started. */
  run(script: string, ...options: string[]): Promise<CheckResult>;
  remove(): Promise<void>;
};

/**
 * Writes the files, the configurations and a `node_modules` of links; the working tree is not touched.
 * `rootDependencies`: packages that files outside of packages/ import, beside the tools.
 */
export async function plantTree(
  files: PlantedFile[],
  rootDependencies: Record<string, string>,
): Promise<PlantedTree> {
  const root = await mkdtemp(join(tmpdir(), "strongroom-gates-"));
  for (const name of configurations) await cp(join(repository, name), join(root, name));
  await write(root, { path: "package.json", content: await manifest(rootDependencies) });
  for (const file of files) await write(root, file);
  await linkModules(root);
  return {
    run: (script, ...options) => npm(root, ["run", "--silent", script, "--", ...options]),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/** The scripts of the real package.json, as they stand. */
export async function scripts(): Promise<Record<string, string>> {
  return (await rootManifest()).scripts;
}

async function manifest(rootDependencies: Record<string, string>): Promise<string> {
  const { type, workspaces, scripts, devDependencies } = await rootManifest();
  const named = Object.fromEntries(tools.map((name) => [name, devDependencies[name]]));
  const checks = Object.fromEntries(Object.entries(scripts).filter(([name]) => /^(check|test)/.test(name)));
  const dependencies = { ...named, ...rootDependencies };
  return JSON.stringify({ private: true, type, workspaces, scripts: checks, devDependencies: dependencies });
}

async function rootManifest(): Promise<RootManifest> {
  return JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
}

async function write(root: string, { path, content }: PlantedFile): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

/** Links every installed package, and `@strongroom/*` to the planted packages in place of the real ones. */
async function linkModules(root: string): Promise<void> {
  const installed = join(repository, "node_modules");
  const own = join(root, "node_modules/@strongroom");
  await mkdir(own, { recursive: true });
  for (const name of await readdir(installed)) {
    if (name === "@strongroom" || name === ".cache" || name === ".vite") continue;
    await symlink(join(installed, name), join(root, "node_modules", name));
  }
  for (const name of await readdir(join(root, "packages"))) {
    await symlink(join(root, "packages", name), join(own, name));
  }
}

function npm(cwd: string, parameters: string[]): Promise<CheckResult> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|VITEST)/i.test(name));
  const env = Object.fromEntries(inherited);
  return new Promise((resolve, reject) => {
    execFile("npm", parameters, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === "number") resolve({ status, output: stripVTControlCharacters(stdout + stderr) });
      else reject(new Error(`npm ${parameters.join(" ")} did not run`, { cause: error }));
    });
  });
}

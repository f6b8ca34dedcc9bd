import { chmod, copyFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fetchEngine, runClient } from "./fetch-engine.ts";

/** From 1.21 on, Go fetches by itself a newer Go that a module asks for. */
const fetchesItself = 21;
/** The oldest Go that builds every engine, and takes every module. */
const version = "1.26.4";

/** How to run a Go that is new enough: the one on the PATH, or for an older one a newer that it fetches as a module. */
export async function fetchGo(): Promise<{ command: string; env: Record<string, string> }> {
  const [, minor] = /^go1\.(\d+)/.exec(await runClient("go", ["env", "GOVERSION"])) ?? [];
  if (Number(minor) >= fetchesItself) return { command: "go", env: { GOTOOLCHAIN: "auto" } };
  const name = `toolchain@v0.0.1-go${version}.linux-${process.arch === "arm64" ? "arm64" : "amd64"}`;
  const cache = await fetchEngine("go", version, async (directory) => {
    const env = { GOMODCACHE: directory, GOFLAGS: "-modcacherw" };
    await runClient("go", ["mod", "download", `golang.org/${name}`], { env });
    await complete(join(directory, "golang.org", name));
    await rm(join(directory, "cache"), { recursive: true });
  });
  const root = join(cache, "golang.org", name);
  return { command: join(root, "bin", "go"), env: { GOROOT: root, GOTOOLCHAIN: "local" } };
}

/** A module holds neither programs that may be run nor modules within: the go command makes both good, if it knows how. */
async function complete(root: string): Promise<void> {
  for (const directory of ["bin", "pkg/tool"]) {
    const entries = await readdir(join(root, directory), { recursive: true, withFileTypes: true });
    for (const file of entries.filter((entry) => entry.isFile()))
      await chmod(join(file.parentPath, file.name), 0o755);
  }
  for (const source of ["src", "src/cmd"])
    await copyFile(join(root, source, "_go.mod"), join(root, source, "go.mod"));
}

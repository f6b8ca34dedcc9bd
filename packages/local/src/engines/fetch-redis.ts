import { join } from "node:path";
import { engineVersions } from "./engines.ts";
import { fetchEngine, findCommand, runClient } from "./fetch-engine.ts";

/** The server and what of its libraries a bare Debian lacks. */
const packages = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1"];

/** How to run redis-server: as installed, or from Debian's packages, unpacked into the cache without root. */
export async function fetchRedis(): Promise<{ command: string; env: Record<string, string> }> {
  const installed = await findCommand("redis-server");
  if (installed !== null) return { command: installed, env: {} };
  const root = await fetchEngine("redis", engineVersions.redis, async (directory) => {
    await runClient("apt-get", ["-q", "download", ...packages], { cwd: directory });
    await runClient("sh", ["-c", 'for file in *.deb; do dpkg-deb -x "$file" . && rm "$file"; done'], {
      cwd: directory,
    });
  });
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const libraries = [join(root, "usr/lib", triplet), join(root, "lib", triplet)].join(":");
  return { command: join(root, "usr/bin/redis-server"), env: { LD_LIBRARY_PATH: libraries } };
}

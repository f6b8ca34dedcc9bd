import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readTally } from "./tally.ts";

test("what several processes counted is one sum for each place, less what a killed one did not tell in time", async () => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-tally-"));
  const path = join(directory, "faults");
  const module = JSON.stringify(pathToFileURL(join(import.meta.dirname, "tally.ts")).href);
  const run = (kind: string, what: string) =>
    execFileSync(process.execPath, [
      "--input-type=module",
      "-e",
      `const { openTally } = await import(${module}); const tally = openTally(${JSON.stringify(path)}, "${kind}"); ${what}`,
    ]);
  try {
    expect(() => readTally(path)).toThrow("ENOENT");
    const counts = `tally.count("keys", "error", true); tally.count("keys", "error", false); tally.flush();`;
    run("relay", `${counts} tally.count("push", "error", false)`);
    run("relay", `tally.count("keys", "error", false)`);
    run("main", `tally.count("keys", "error", false)`);
    const killed = `tally.count("keys", "lost", true); tally.flush(); tally.count("keys", "lost", true); process.kill(process.pid, "SIGKILL")`;
    expect(() => run("main", killed)).toThrow();
    expect(readTally(path)).toEqual([
      { process: "main", port: "keys", fault: "error", asked: 1, struck: 0 },
      { process: "main", port: "keys", fault: "lost", asked: 1, struck: 1 },
      { process: "relay", port: "keys", fault: "error", asked: 3, struck: 1 },
      { process: "relay", port: "push", fault: "error", asked: 1, struck: 0 },
    ]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

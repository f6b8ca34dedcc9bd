import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readTally } from "./tally.ts";

test("what several processes counted is one sum, less what a killed one did not tell in time", async () => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-tally-"));
  const path = join(directory, "faults");
  const module = JSON.stringify(pathToFileURL(join(import.meta.dirname, "tally.ts")).href);
  const run = (what: string) =>
    execFileSync(process.execPath, [
      "--input-type=module",
      "-e",
      `const { openTally } = await import(${module}); const tally = openTally(${JSON.stringify(path)}); ${what}`,
    ]);
  try {
    expect(() => readTally(path)).toThrow("ENOENT");
    run(`tally.count("error", true); tally.count("error", false); tally.flush(); tally.count("drop", false)`);
    run(`tally.count("error", false)`);
    const killed = `tally.count("lost", true); tally.flush(); tally.count("lost", true); process.kill(process.pid, "SIGKILL")`;
    expect(() => run(killed)).toThrow();
    expect(readTally(path)).toMatchObject({
      error: { asked: 3, struck: 1 },
      lost: { asked: 1, struck: 1 },
      duplicate: { asked: 0, struck: 0 },
      drop: { asked: 1, struck: 0 },
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});

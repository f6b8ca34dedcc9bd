import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LogFields, silentLog } from "@strongroom/core/log";
import { expect, test } from "vitest";
import { startSystem } from "./system.ts";

const migrations = fileURLToPath(
  new URL("migrations", import.meta.resolve("@strongroom/core/database/migrate")),
);

/** What a start says of the migrations that it applied: the fields of each such line. */
async function startOn(dataDirectory: string): Promise<LogFields[]> {
  const told: LogFields[] = [];
  const info = (event: string, fields: LogFields = {}) =>
    void (event === "migrations.applied" && told.push(fields));
  const options = { dataDirectory, port: 0, databaseUrl: null };
  const system = await startSystem({ ...options, log: { ...silentLog, info } });
  await system.stop();
  return told;
}

test("a start names the migrations that it applied, and says nothing of them when there were none", async () => {
  const home = await mkdtemp(join(tmpdir(), "strongroom-upgrade-"));
  try {
    const names = (await readdir(migrations)).toSorted();
    expect(await startOn(join(home, "data"))).toEqual([{ applied: names.join(" ") }]);
    expect(await startOn(join(home, "data"))).toEqual([]);
  } finally {
    await rm(home, { recursive: true });
  }
}, 60_000);

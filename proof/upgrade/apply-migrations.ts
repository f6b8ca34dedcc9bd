import { readdir, readFile } from "node:fs/promises";
import { roleName, withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";

const directory = new URL("../../packages/core/src/database/migrations/", import.meta.url);

/** Applies those of the migrations that `which` names to a database of one's own, in their order, as their owner. */
export async function applyMigrations(
  superuser: Connection,
  which: (name: string) => boolean,
): Promise<void> {
  const owner = { ...superuser, options: `-c role=${roleName("owner")}` };
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).toSorted();
  for (const name of names.filter(which)) {
    const sql = await readFile(new URL(name, directory), "utf8");
    await withClient(owner, (client) => client.query(sql));
  }
}

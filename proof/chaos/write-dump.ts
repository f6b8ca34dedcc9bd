import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Periods } from "@strongroom/core/config";
import { withClient } from "@strongroom/core/database/roles";
import type { Demands } from "../check/demands.ts";
import { tableNames } from "../check/judged-run.ts";
import type { Installation } from "./installation.ts";

/** Tables that belong to adapters. */
const embedded = new Set(["stream_record", "push_inbox"]);

/** Writes what the judge reads besides history, objects and keys: every row as JSON, by plain SELECTs of the superuser. */
export async function writeDump(
  directory: string,
  installation: Installation,
  periods: Periods,
  demands: Demands,
): Promise<void> {
  await mkdir(join(directory, "tables"));
  await withClient(installation.superuser, async (client) => {
    for (const name of tableNames) {
      const table = embedded.has(name) ? `embedded.${name}` : name;
      const { rows } = await client.query<{ row: string }>(`select to_jsonb(t)::text as row from ${table} t`);
      const lines = rows.map(({ row }) => `${row}\n`);
      await pipeline(lines, createWriteStream(join(directory, "tables", `${name}.ndjson`)));
    }
  });
  const { dataDirectory } = installation;
  await writeFile(
    join(directory, "run.json"),
    JSON.stringify({ dumpedAt: Date.now(), periods, demands, dataDirectory }),
  );
}

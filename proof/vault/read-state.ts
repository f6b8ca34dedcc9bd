import { withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { type JudgedState, readStore, tableNames, type Tables } from "../check/judged-run.ts";

/** What `judgeVault` and `judgeReceipts` look at. */
const ofVault = ["document", "artefact", "document_key", "receipt"] as const satisfies (keyof Tables)[];
/** Tables that belong to adapters. */
const embedded: readonly string[] = ["stream_record", "push_inbox"];

type Wanted = {
  history?: JudgedState["history"];
  /** One document instead of all: where only tables are read that name theirs. */
  only?: string | null;
  tables?: readonly (keyof Tables)[];
};

/**
 * An installation as it is now, for the judge: rows by plain SELECTs of the superuser, objects and root keys where they
 * lie. A table that is not asked for is empty.
 */
export async function readState(
  superuser: Connection,
  dataDirectory: string,
  { history = [], only = null, tables = ofVault }: Wanted = {},
): Promise<JudgedState> {
  const read = Object.fromEntries(tableNames.map((name) => [name, [] as unknown[]]));
  await withClient(superuser, async (client) => {
    for (const name of tables) {
      const filter = only === null ? "" : `where ${name === "document" ? "id" : "document_id"} = '${only}'`;
      const { rows } = await client.query<{ row: unknown }>(
        `select to_jsonb(t) as row from ${embedded.includes(name) ? `embedded.${name}` : name} t ${filter}`,
      );
      read[name] = rows.map(({ row }) => row);
    }
  });
  return { history, tables: read as Tables, ...readStore(dataDirectory) };
}

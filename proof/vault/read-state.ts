import { withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { type JudgedState, readStore, type Tables } from "../check/judged-run.ts";

/** What `judgeVault` and `judgeReceipts` look at. */
const tableNames = ["document", "artefact", "document_key", "receipt"] as const satisfies (keyof Tables)[];
const unread = {
  document_file: [],
  outbox: [],
  stream_record: [],
  audit: [],
  audit_head: [],
  audit_checkpoint: [],
  device: [],
  push_inbox: [],
} satisfies Partial<Tables>;

/**
 * The documents of an installation as they are now, for the judge: rows by plain SELECTs of the superuser, objects and root
 * keys where they lie. `only`: one document instead of all.
 */
export async function readState(
  superuser: Connection,
  dataDirectory: string,
  { history = [], only = null }: { history?: JudgedState["history"]; only?: string | null } = {},
): Promise<JudgedState> {
  const read = await withClient(superuser, async (client) => {
    const tables: [string, unknown[]][] = [];
    for (const name of tableNames) {
      const id = name === "document" ? "id" : "document_id";
      const { rows } = await client.query<{ row: unknown }>(
        `select to_jsonb(t) as row from ${name} t where $1::uuid is null or ${id} = $1`,
        [only],
      );
      tables.push([name, rows.map(({ row }) => row)]);
    }
    return Object.fromEntries(tables) as Pick<Tables, (typeof tableNames)[number]>;
  });
  return { history, tables: { ...unread, ...read }, ...readStore(dataDirectory) };
}

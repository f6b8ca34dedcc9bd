import { chmod, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import type { Installation } from "./installation.ts";

const hourMs = 3_600_000;

/** What was made old, by document id. */
export type Aged = { cleared: string[]; expired: string[] };

/**
 * Puts moments back in database and vault, as if days had gone by: some stored and rejected documents are due for clearing,
 * half of what waits for its client is due for expiry, and what losing attempts left in the vault is due for collection.
 */
export async function ageDocuments(installation: Installation): Promise<Aged> {
  const back = (hours: number) => `${hours} * interval '1 hour'`;
  return await withClient(installation.superuser, async (client) => {
    const update = async (sql: string) => (await client.query<{ id: string }>(sql)).rows.map(({ id }) => id);
    const cleared = [
      ...(await update(`update document set settled_at = settled_at - ${back(30)} where id in
        (select id from document where state = 'stored' order by id limit 12) returning id`)),
      ...(await update(`update document set settled_at = settled_at - ${back(24 * 8)} where id in
        (select id from document where state = 'rejected' order by id limit 4) returning id`)),
    ];
    const expired =
      await update(`update document set grant_expires_at = clock_timestamp() - interval '1 ms' where id in
      (select id from document where state = 'granted' order by id limit (select (count(*) + 1) / 2 from document where state = 'granted'))
      returning id`);
    const { rows } = await client.query<{ vault_key: string }>("select vault_key from artefact");
    const working = await update("select id from document where state in ('received', 'processing')");
    await ageOrphans(installation.dataDirectory, new Set(rows.map((row) => row.vault_key)), new Set(working));
    return { cleared, expired };
  });
}

/** Objects that no manifest names get a time of writing that lies a week back; those of documents at work are none yet. */
async function ageOrphans(dataDirectory: string, listed: Set<string>, working: Set<string>): Promise<void> {
  const vault = join(dataDirectory, "objects", "vault");
  for (const name of await readdir(vault, { recursive: true })) {
    const isOfDocument = name.endsWith("@") && !name.startsWith("checkpoints/");
    if (working.has(name.split("/")[2] ?? "")) continue;
    if (!isOfDocument || listed.has(`v/${name.slice(0, -1)}`)) continue;
    const file = await readFile(join(vault, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null; // it was collected meanwhile
      throw error;
    });
    if (file === null) continue;
    const start = file.length - 8 - file.readUInt32BE(file.length - 8);
    const facts = JSON.parse(file.subarray(start, -8).toString()) as { modifiedAt: string };
    facts.modifiedAt = new Date(Date.parse(facts.modifiedAt) - 7 * 24 * hourMs).toISOString(); // as long as before
    const aged = Buffer.concat([
      file.subarray(0, start),
      Buffer.from(JSON.stringify(facts)),
      file.subarray(-8),
    ]);
    await writeFile(join(vault, `${name}.aged`), aged);
    await chmod(join(vault, `${name}.aged`), 0o400);
    await rename(join(vault, `${name}.aged`), join(vault, name));
  }
}

/** Resolves once the reconciler has done what is due, or at the limit: then the judge will find it. */
export async function untilCleared(
  { superuser }: Installation,
  { cleared, expired }: Aged,
  sleep: (delayMs: number) => Promise<void>,
  limitMs: number,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const left = await withClient(superuser, async (client) => {
      const { rows } = await client.query<{ left: number }>(
        `select count(*)::int as left from document where (id = any($1::uuid[]) and staging_cleared_at is null)
         or (id = any($2::uuid[]) and state = 'granted')`,
        [cleared, expired],
      );
      return rows[0]!.left;
    });
    if (left === 0) return;
    await sleep(100);
  }
}

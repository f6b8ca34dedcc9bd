import { stat } from "node:fs/promises";
import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import { readReceiptKey, readRetiredKeys, receiptKeyPath } from "@strongroom/core/embedded/receipt-key";
import { Refusal } from "@strongroom/core/errors";
import type { Connection } from "@strongroom/core/ports/database";
import { signerOf } from "@strongroom/core/receipt/compact-jws";
import { namesIn } from "./data-directory.ts";

type Client = Parameters<Parameters<typeof withClient>[1]>[0];

/**
 * Throws a Refusal when a part is missing that the database speaks of, or is another one: the vault, the tombstones, the key that signs.
 * Without this look a start would make an empty one, or another key, in silence: documents would not open, what is erased
 * might come back, and receipts and checkpoints would not hold any more. Comes before any of them is made.
 */
export async function refuseLostParts(owner: Connection, dataDirectory: string): Promise<void> {
  const lost = await withClient(owner, async (client) => [
    ...(await lostVault(client, join(dataDirectory, "objects"))),
    ...(await lostTombstones(client, join(dataDirectory, "objects", "tombstones"))),
    ...(await lostReceiptKey(client, join(dataDirectory, "keys"))),
  ]);
  if (lost.length === 0) return;
  const advice =
    "Is a disk not mounted? Bring back what is missing, or its copy (docs/runbooks/restore.md), and start again.";
  throw new Refusal("parts_missing", [...lost, advice].join("\n"), { status: 409 });
}

/** Checkpoints alone are no vault: the start that made them may have been one without it. */
async function lostVault(client: Client, objects: string): Promise<string[]> {
  const path = join(objects, "vault");
  if ((await namesIn(path)).some((name) => name !== "checkpoints")) return [];
  if (!(await anySealed(client, join(objects, "tombstones")))) return [];
  return [
    `${path} is missing or empty, but the database knows documents that are sealed there. ` +
      `If they are lost for good, and the rest is to go on without them: mkdir -p ${path}/lost`,
  ];
}

/** Those apart that were erased since: an older database that was restored knows them still, and the vault does not. */
async function anySealed(client: Client, tombstones: string): Promise<boolean> {
  const { rows } = await client.query<{ tenant: string; document: string }>(
    "select distinct tenant_id as tenant, document_id as document from artefact",
  );
  for (const { tenant, document } of rows)
    if ((await namesIn(join(tombstones, tenant, document))).length === 0) return true;
  return false;
}

async function lostTombstones(client: Client, path: string): Promise<string[]> {
  if ((await namesIn(path)).length > 0) return [];
  if (!(await holds(client, "select 1 from document where state = 'erased' limit 1"))) return [];
  return [
    `${path} is missing or empty, but the database knows erased documents, whose tombstones and certificates lie there. ` +
      `If they are lost for good, so that what was erased after a backup comes back with it: mkdir -p ${path}/lost`,
  ];
}

/** One that was replaced left its public half. What the newest signature needs, a receipt's where there is no checkpoint yet, must be there. */
async function lostReceiptKey(client: Client, directory: string): Promise<string[]> {
  const kid = await newestSigner(client);
  if (kid === null || (await exists(join(directory, `receipt-${kid}.lost`)))) return [];
  const fault = await faultOfReceiptKey(directory, kid);
  if (fault === null) return [];
  return [
    `${receiptKeyPath(directory)} ${fault} that signed what the database holds (${kid}). ` +
      `If that key is lost for good: touch ${join(directory, `receipt-${kid}.lost`)}, and another one signs from then on. ` +
      "What the lost one signed verifies only with a keys.json that was kept (docs/runbooks/keys.md).",
  ];
}

/** What is wrong with the receipt key, as a verb for the sentence about it; null when nothing is. */
async function faultOfReceiptKey(directory: string, kid: string): Promise<string | null> {
  const signing = await readReceiptKey(directory);
  if (signing === null) return "is missing, the key";
  const known = [signing.publicKey, ...(await readRetiredKeys(directory))];
  return known.some((key) => key.kid === kid) ? null : "is not the key";
}

/** Which key signed last; null when none did. */
async function newestSigner(client: Client): Promise<string | null> {
  const { rows } = await client.query<{ jws: string }>(
    `(select jws from audit_checkpoint order by sequence desc limit 1)
     union all (select jws from receipt limit 1) limit 1`,
  );
  return rows.length === 0 ? null : signerOf(rows[0]!.jws);
}

const holds = async (client: Client, query: string): Promise<boolean> =>
  (await client.query(query)).rows.length > 0;

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );

import { readRootKeys, type RootKey, firstRootKeyPath } from "@strongroom/core/embedded/root-key";
import { withClient } from "@strongroom/core/database/roles";
import { Refusal } from "@strongroom/core/errors";
import type { Connection } from "@strongroom/core/ports/database";

/**
 * Throws a Refusal when a root key is missing that documents in the database need. Without this look, a start would make
 * a new root key in silence, and what was stored before could never be opened again. Comes before the keys are made.
 */
export async function refuseLostRootKey(owner: Connection, keyDirectory: string): Promise<void> {
  const present = (await rootKeysIn(keyDirectory)).map(({ keyId }) => keyId);
  const { documents, needed } = await readDatabase(owner);
  const lost = needed.filter((keyId) => !present.includes(keyId));
  if (lost.length > 0) throw missing(`${keyDirectory} lacks root key ${lost.join(", ")}`, documents);
  if (present.length === 0 && documents > 0)
    throw missing(`${firstRootKeyPath(keyDirectory)} is missing`, documents);
}

const missing = (what: string, documents: number): Refusal =>
  new Refusal(
    "root_key_missing",
    `${what}, but the database holds ${documents} documents. Put the copy of the root key from safe-keeping in its place and start again.`,
    { status: 409 },
  );

/** None when there is no directory yet. A file that is damaged, or that others may read, is the operator's to mend. */
async function rootKeysIn(directory: string): Promise<RootKey[]> {
  try {
    return await readRootKeys(directory);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    throw new Refusal(
      "root_key_unusable",
      code === undefined ? `${message}.` : `The keys in ${directory} cannot be read (${code}).`,
    );
  }
}

async function readDatabase(owner: Connection): Promise<{ documents: number; needed: string[] }> {
  return await withClient(owner, async (client) => {
    const count = await client.query<{ documents: number }>(
      "select count(*)::int as documents from document",
    );
    const keys = await client.query<{ keyId: string }>(
      'select distinct root_key_id as "keyId" from document_key',
    );
    return { documents: count.rows[0]!.documents, needed: keys.rows.map(({ keyId }) => keyId) };
  });
}

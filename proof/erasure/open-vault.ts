import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { openDataKey } from "../check/open-data-key.ts";
import { openSealed } from "../check/open-sealed.ts";

/** Bytes that somebody could read who has the database, the vault and the root key, by document. */
export type Readable = Map<string, number>;

/** Tries every key of the database on every file of the vault, without the product. */
export async function openVault(superuser: Connection, dataDirectory: string): Promise<Readable> {
  const keys = await readKeys(superuser, dataDirectory);
  const vault = join(dataDirectory, "objects", "vault");
  const entries = await readdir(vault, { recursive: true, withFileTypes: true });
  const readable: Readable = new Map();
  for (const entry of entries.filter((one) => one.isFile())) {
    const bytes = sealedBytes(await readFile(join(entry.parentPath, entry.name)));
    for (const [document, key] of keys) {
      const sizeBytes = opened(bytes, key);
      if (sizeBytes > 0) readable.set(document, (readable.get(document) ?? 0) + sizeBytes);
    }
  }
  return readable;
}

async function readKeys(superuser: Connection, dataDirectory: string): Promise<Map<string, Buffer>> {
  const directory = join(dataDirectory, "keys");
  const [name] = (await readdir(directory)).filter((one) => one.startsWith("root"));
  const rootKeyFile = await readFile(join(directory, name!), "utf8");
  type Row = { tenant_id: string; document_id: string; attempt: string; wrapped: Buffer };
  const { rows } = await withClient(superuser, (client) => client.query<Row>("select * from document_key"));
  return new Map(
    rows.map(({ tenant_id: tenant, document_id: document, attempt, wrapped }) => [
      document,
      openDataKey(rootKeyFile, wrapped, { app: "strongroom", tenant, document, attempt }),
    ]),
  );
}

/** An object's file without the store's own facts, their length (4 bytes) and "SRO1". */
function sealedBytes(file: Buffer): Buffer {
  return file.subarray(0, -8 - file.readUInt32BE(file.length - 8));
}

function opened(bytes: Buffer, key: Buffer): number {
  try {
    return openSealed(bytes, key).plaintext.length;
  } catch {
    return 0; // another document's
  }
}

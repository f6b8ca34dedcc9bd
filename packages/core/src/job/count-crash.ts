import { sql } from "kysely";
import type { DocumentFileRow } from "../database/tables.ts";
import type { GivenUp } from "../document/render-files.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { Claim } from "./claim-document.ts";
import { LeaseLost } from "./hold-lease.ts";

/**
 * Remembers in the database that a decode child died over a file, and the verdict once there is one: a document that also
 * kills its parent, or meets a fault of ours afterwards, is met with tighter limits, or with no child at all.
 * Throws `LeaseLost`, and records nothing, when another attempt holds the document by now.
 */
export async function countCrash(
  ports: Pick<Ports, "database" | "log">,
  { document, token }: Claim,
  file: DocumentFileRow,
  givenUp: GivenUp | null,
): Promise<void> {
  ports.log.warn("document.decode_crashed", {
    documentId: document.id,
    position: file.position,
    givenUp: givenUp?.noPreview ?? null,
  });
  await ports.database.withTenant(document.tenant_id as never, async (tx) => {
    const counted = await tx
      .updateTable("document")
      .set({ decode_crashes: sql`decode_crashes + 1` })
      .where("tenant_id", "=", document.tenant_id)
      .where("id", "=", document.id)
      .where("state", "=", "processing")
      .where("lease_token", "=", token)
      .returning("id")
      .executeTakeFirst();
    if (!counted) throw new LeaseLost("the document went to another attempt while its child crashed");
    if (givenUp) await giveUpFile(tx, file, givenUp);
  });
}

async function giveUpFile(
  tx: Transaction,
  file: DocumentFileRow,
  { mediaType, noPreview }: GivenUp,
): Promise<void> {
  await tx
    .updateTable("document_file")
    .set({ detected_type: mediaType, no_preview_reason: noPreview })
    .where((eb) => eb.and({ tenant_id: file.tenant_id, document_id: file.document_id, id: file.id }))
    .execute();
}

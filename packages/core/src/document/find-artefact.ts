import type { Transaction } from "../ports/database.ts";

/** An artefact with the key that its document was sealed under; undefined unless the document is stored and has it. */
export async function findArtefact(tx: Transaction, documentId: string, name: string) {
  return await tx
    .selectFrom("artefact")
    .innerJoin("document_key", (join) =>
      join
        .onRef("document_key.tenant_id", "=", "artefact.tenant_id")
        .onRef("document_key.document_id", "=", "artefact.document_id"),
    )
    .innerJoin("document", (join) =>
      join
        .onRef("document.tenant_id", "=", "artefact.tenant_id")
        .onRef("document.id", "=", "artefact.document_id"),
    )
    .selectAll("artefact")
    .select(["document_key.wrapped", "document.version", "document.traceparent"])
    .where("artefact.tenant_id", "=", tx.insideTenant)
    .where("artefact.document_id", "=", documentId)
    .where("artefact.name", "=", name)
    .where("document.state", "=", "stored")
    .executeTakeFirst();
}

export type FoundArtefact = NonNullable<Awaited<ReturnType<typeof findArtefact>>>;

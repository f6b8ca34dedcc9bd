import { randomBytes } from "node:crypto";
import type { RenderedPage, Rendering } from "@strongroom/core/document/rendering";
import { editDocument } from "@strongroom/core/document/edit-document";
import { issueReceipt } from "@strongroom/core/receipt/issue-receipt";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import { page, processOnce, standInRenderer } from "@strongroom/local/test-pipeline";
import { declare, newDocumentId, putAll, type TestWorld } from "@strongroom/local/test-world";

/** 32 letters that stand nowhere by chance; lower-case, so that a search index keeps them as they are. */
export const newCanary = (): string => `canary${randomBytes(13).toString("hex")}`;

/** How far a document comes before it is erased. */
export type Stage = "announced" | "uploaded" | "stored";

/** A document with the canary in its bytes, file name, type, load number, note, text and capture facts; answers its id. */
export async function plantDocument(world: TestWorld, canary: string, stage: Stage): Promise<string> {
  const { ports, dora } = world;
  const bytes = Buffer.concat([randomBytes(500), Buffer.from(canary), randomBytes(500)]);
  const { document, uploads } = await acceptUpload(ports, dora, {
    id: newDocumentId(),
    kind: "cmr",
    loadNumber: canary,
    note: `from ${canary}`,
    files: [declare(bytes, `${canary}.pdf`, `application/${canary}`)],
  });
  if (stage === "announced") return document.id;
  await putAll(uploads, [bytes]);
  await completeUpload(ports, dora, document.id);
  await editDocument(ports, dora, {
    documentId: document.id,
    ifMatch: null,
    edit: { note: `for ${canary}` },
  });
  if (stage === "uploaded") return document.id;
  const bell = { tenantId: dora.tenantId, documentId: document.id };
  await processOnce(ports, bell, { renderer: standInRenderer(() => rendered(canary)) });
  await issueReceipt(ports, bell.tenantId, bell.documentId);
  return document.id;
}

function rendered(canary: string): Rendering {
  const shown: RenderedPage = page(canary);
  return {
    outcome: "rendered",
    mediaType: "application/pdf",
    pageCount: 1,
    pages: [shown],
    text: [`words with ${canary} among them`],
    captureFacts: { comment: canary } as never,
  };
}

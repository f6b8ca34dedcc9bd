import { randomBytes, randomUUID } from "node:crypto";
import type { DocumentId } from "@strongroom/core/ids";
import { issueReceipt } from "@strongroom/core/receipt/issue-receipt";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import type { Actor } from "@strongroom/core/user/user";
import { walkTo } from "@strongroom/local/test-documents";
import { pdf, processOnce, query, standInRenderer } from "@strongroom/local/test-pipeline";
import { inTurn } from "./in-turn.ts";
import { declare, newDocumentId, putAll, type TestWorld } from "@strongroom/local/test-world";

/** States in which some operation finds what it needs; each person has a document in each. */
const states = ["granted", "received", "stored", "failed", "rejected"] as const;

type Options = { id?: DocumentId; page?: Uint8Array; state?: (typeof states)[number] };

/** One document of a person, brought to its state by the use-cases; answers its id. */
export async function addDocument(world: TestWorld, actor: Actor, options: Options = {}): Promise<string> {
  const { id = newDocumentId(), page = randomBytes(40), state = "granted" } = options;
  const { ports } = world;
  const { uploads } = await acceptUpload(ports, actor, {
    id,
    kind: "cmr",
    loadNumber: "L-1",
    note: "words",
    files: [declare(page, "page.pdf", "application/pdf")],
  });
  if (state === "granted") return id;
  await putAll(uploads, [page]);
  await completeUpload(ports, actor, id);
  if (state === "stored") {
    const renderer = standInRenderer(() => pdf(1, ["hamburg"]));
    await processOnce(ports, { tenantId: actor.tenantId, documentId: id }, { renderer });
    await issueReceipt(ports, actor.tenantId, id);
  } else if (state !== "received") {
    await walkTo(world, id, state);
  }
  return id;
}

/** A document in every state for each of these people. */
export async function addDocuments(world: TestWorld, actors: readonly Actor[]): Promise<string[][]> {
  const wanted = actors.flatMap((actor) => states.map((state) => ({ actor, state })));
  const ids = await inTurn(wanted, ({ actor, state }) => addDocument(world, actor, { state }));
  return actors.map((_, index) => ids.slice(index * states.length, (index + 1) * states.length));
}

/** A device that was registered by somebody. */
export async function addDevice(world: TestWorld, { tenantId, userId }: Actor): Promise<string> {
  const id = randomUUID();
  await query(
    world,
    "insert into device (tenant_id, id, user_id, platform, push_token) values ($1, $2, $3, 'web', 'token')",
    [tenantId, id, userId],
  );
  return id;
}

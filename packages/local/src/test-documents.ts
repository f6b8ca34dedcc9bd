import { randomBytes } from "node:crypto";
import type { AcceptUploadRequest, DocumentView, UploadReply } from "@strongroom/core/api-shapes";
import { withClient } from "@strongroom/core/database/roles";
import { sha256Hex } from "@strongroom/core/digest";
import { type DocumentState, transitions } from "@strongroom/core/document/document";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { partSizes } from "@strongroom/core/upload/check-declaration";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import type { Actor } from "@strongroom/core/user/user";
import { declare, newDocumentId, putAll, type TestWorld } from "./test-world.ts";

/** Bytes that no other page has. */
export const newPage = (sizeBytes = 1_000): Uint8Array => randomBytes(sizeBytes);

/** A file above 16 MiB, as a client declares it. */
export function declareInParts(bytes: Uint8Array, name?: string) {
  let from = 0;
  const parts = partSizes(bytes.length).map((size) => sha256Hex(bytes.subarray(from, (from += size))));
  return { ...declare(bytes, name), parts };
}

type More = Partial<Omit<AcceptUploadRequest, "files">>;

/** Announces a document of these pages. */
export function announce(
  world: TestWorld,
  actor: Actor,
  pages: Uint8Array[],
  more: More = {},
): Promise<UploadReply & { created: boolean }> {
  const files = pages.map((page, index) => declare(page, `page-${index + 1}.jpg`));
  return acceptUpload(world.ports, actor, { id: newDocumentId(), kind: "cmr", files, ...more });
}

/** Announces a document, sends all of it and completes it: it is received. */
export async function receive(
  world: TestWorld,
  actor: Actor,
  pages: Uint8Array[],
  more: More = {},
): Promise<DocumentView> {
  const { document, uploads } = await announce(world, actor, pages, more);
  await putAll(uploads, pages);
  return await completeUpload(world.ports, actor, document.id);
}

/** Rows as the owner of the tables sees and changes them: past the domain and past row-level security. */
export async function asOwner<Row extends object>(
  world: TestWorld,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return await withClient(
    world.database.connections.owner,
    async (client) => (await client.query<Row>(text, values)).rows,
  );
}

/** Resolves when a statement waits for a lock in the world's database. */
export async function untilSomebodyWaits(world: TestWorld): Promise<void> {
  const waiting =
    "select from pg_locks join pg_stat_activity using (pid) where datname = current_database() and not granted";
  while ((await asOwner(world, waiting)).length === 0);
}

/** Sets columns of a document behind the domain's back, written as in SQL: `rung_at = null`. */
export async function setDocument(world: TestWorld, documentId: string, columns: string): Promise<void> {
  await asOwner(world, `update document set ${columns} where id = $1`, [documentId]);
}

/** Brings a document to a state by the shortest way along the graph; a state of rest begins now. */
export async function walkTo(world: TestWorld, documentId: string, goal: DocumentState): Promise<void> {
  const [row] = await asOwner<{ state: DocumentState }>(world, "select state from document where id = $1", [
    documentId,
  ]);
  for (const state of shortestWay(row!.state, goal)) {
    await setDocument(
      world,
      documentId,
      `state = '${state}', reason = 'test', settled_at = clock_timestamp(), received_at = coalesce(received_at, clock_timestamp())`,
    );
  }
}

function shortestWay(from: DocumentState, goal: DocumentState): DocumentState[] {
  const ways: DocumentState[][] = [[from]];
  const seen = new Set<DocumentState>([from]);
  for (const way of ways) {
    if (way.at(-1) === goal) return way.slice(1);
    for (const next of transitions[way.at(-1)!]) {
      if (!seen.has(next)) ways.push([...way, next]);
      seen.add(next);
    }
  }
  throw new Error(`there is no way from ${from} to ${goal}`);
}

/** Every event of a document as `type version`, in the order of the outbox. */
export async function eventsOf(world: TestWorld, documentId: string): Promise<string[]> {
  const rows = await asOwner<{ type: string; version: number }>(
    world,
    "select type, version from outbox where document_id = $1 order by id",
    [documentId],
  );
  return rows.map(({ type, version }) => `${type} ${version}`);
}

/** Everything that an iteration gives. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** Takes a document out of the database, as if a backup from before it had been restored. */
export async function forget(world: TestWorld, documentId: string): Promise<void> {
  for (const table of ["receipt", "document_key", "page_text", "artefact", "document_file", "outbox"])
    await asOwner(world, `delete from ${table} where document_id = $1`, [documentId]);
  await asOwner(world, "delete from document where id = $1", [documentId]);
  await asOwner(world, "delete from audit where subject = $1", [documentId]);
}

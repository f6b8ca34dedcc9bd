import { type SelectQueryBuilder, sql } from "kysely";
import type * as z from "zod";
import type { DocumentList, ListDocumentsQuery } from "../api-shapes.ts";
import type { Tables } from "../database/tables.ts";
import { Refusal } from "../errors.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, seesWholeTenant } from "../user/user.ts";
import type { DocumentState } from "./document.ts";
import { selectDocuments, type SeenRow } from "./load-document.ts";
import { summarize } from "./view-document.ts";

type Query = z.infer<typeof ListDocumentsQuery>;
type Builder = SelectQueryBuilder<Tables, "document", SeenRow>;

/** Transactions commit a little after they stamp their rows: a poll reaches back this far, so that none is missed. */
const overlapMs = 20_000;

/** Documents of the tenant (of the driver, for a driver), newest first, a page at a time. */
export async function listDocuments(
  ports: Pick<Ports, "database">,
  actor: Actor,
  query: Query,
): Promise<z.infer<typeof DocumentList>> {
  const rows = await ports.database.inOneTrip(actor.tenantId, (tx) => pageOf(tx, actor, query).execute());
  const page = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return { documents: page.map((row) => summarize(actor, row)), nextCursor: last ? writeCursor(last) : null };
}

/** What the query asks for, and one more than a page: whether there is a next one. */
export function pageOf(tx: Transaction, actor: Actor, query: Query): Builder {
  const after = query.cursor ? readCursor(query.cursor) : null;
  const all = selectDocuments(tx).where("state", "<>", "erased");
  const own = seesWholeTenant(actor) ? all : all.where("owner_id", "=", actor.userId);
  const ordered = filtered(own, query).orderBy("created_at", "desc").orderBy("id", "desc");
  const next = after
    ? ordered.where(sql<boolean>`(created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`)
    : ordered;
  return next.limit(query.limit + 1);
}

/** Few documents end so: their index is found by plans that are kept only when the state stands in the text. */
const notStored: readonly DocumentState[] = ["rejected", "failed", "expired"];
const named = (state: DocumentState) => (notStored.includes(state) ? sql.lit(state) : sql.val(state));

function filtered(rows: Builder, query: Query): Builder {
  const { state, kind, loadNumber, code, search, changedSince } = query;
  return rows
    .$if(state !== undefined, (all) => all.where("state", "=", named(state!)))
    .$if(kind !== undefined, (all) => all.where("kind", "=", kind!))
    .$if(loadNumber !== undefined, (all) => all.where("load_number", "=", loadNumber!))
    .$if(code !== undefined, (all) => all.where("confirmation_code", "=", code!))
    .$if(changedSince !== undefined, (all) =>
      all.where("changed_at", ">=", new Date(Date.parse(changedSince!) - overlapMs)),
    )
    .$if(search !== undefined, (all) =>
      all.where("id", "in", sql<string>`(select document_id from search_documents(${search}))`),
    );
}

/** Milliseconds (13 digits last until 2286), then a UUID. */
const cursorForm = /^(\d{1,13})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function writeCursor(row: SeenRow): string {
  return Buffer.from(`${row.created_at.getTime()}.${row.id}`).toString("base64url");
}

function readCursor(text: string): { createdAt: Date; id: string } {
  const parts = cursorForm.exec(Buffer.from(text, "base64url").toString("latin1"));
  if (!parts)
    throw new Refusal("invalid_cursor", "This cursor was not made by this server. Begin the list anew.", {
      status: 400,
    });
  return { createdAt: new Date(Number(parts[1])), id: parts[2]! };
}

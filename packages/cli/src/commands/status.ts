import type { DocumentSummary, DocumentView, ListDocumentsQuery } from "@strongroom/core/api-shapes";
import { documentStates } from "@strongroom/core/document/document";
import { Command, Option } from "commander";
import type { Client, Tagged } from "../client.ts";
import { describeDocument, describeList } from "../describe-document.ts";
import { documentId } from "../document-id.ts";
import { followDocument } from "../follow-document.ts";
import { UsageProblem } from "../problems.ts";
import { explainState, formatMoment } from "../words.ts";
import { answer, connect, say, type World } from "../world.ts";

const help = `
Examples:
  strongroom status                              my documents, newest first
  strongroom status --state rejected             what I must do again
  strongroom status --load 4711 --kind cmr
  strongroom status --code 63RJ-JMKX             the one whose confirmation code somebody reads out
  strongroom status --search "pallet damaged"    words on the pages
  strongroom status 0198f1c2-…                   one document in full
  strongroom status 0198f1c2-… --follow          stay until it is settled

Ctrl-C ends --follow. An erased document is in no list; whoever may erase gets its certificate again with strongroom erase.`;

/** What is erased is in no list: its certificate alone tells of it. */
const listed = documentStates.filter((state) => state !== "erased");

/** How often a followed list is asked for what changed. */
const followMs = 2_000;

type Options = {
  state?: DocumentSummary["state"];
  kind?: string;
  load?: string;
  code?: string;
  search?: string;
  all?: true;
  follow?: true;
};

/** `strongroom status`: a list of documents, or one in full. */
export function statusCommand(world: World): Command {
  return new Command("status")
    .description("Where my documents are")
    .argument("[id]", "one document in full", documentId)
    .addOption(new Option("--state <state>", "only those in this state").choices(listed))
    .option("--kind <kind>", "only this kind")
    .option("--load <number>", "only this load")
    .option(
      "--code <code>",
      "only those with this confirmation code, in any case, with or without the hyphen",
    )
    .option("--search <words>", "only those with these words on a page")
    .option("--all", "every one, not only the newest 25")
    .option("--follow", "stay, and tell what changes")
    .addHelpText("after", help)
    .action((id: string | undefined, options: Options) => status(world, id, options));
}

async function status(
  world: World,
  id: string | undefined,
  { follow, all, load, ...filters }: Options,
): Promise<void> {
  const query = { ...filters, ...(load === undefined ? {} : { loadNumber: load }) };
  if (id !== undefined && (all === true || Object.keys(query).length > 0)) {
    throw new UsageProblem(
      "A document id stands alone: leave out --state, --kind, --load, --code, --search and --all.",
    );
  }
  if (id === undefined && follow && world.json) {
    throw new UsageProblem(
      "A followed list never ends, so it is no JSON document: leave out --json or --follow.",
    );
  }
  const client = await connect(world);
  if (id !== undefined) return await showDocument(world, client, id, follow === true);
  const listed = await listDocuments(world, client, query, all === true);
  if (follow) await followList(world, client, query, listed);
}

async function showDocument(world: World, client: Client, id: string, follow: boolean): Promise<void> {
  const { signal } = world;
  const document = follow
    ? await followDocument(client, id, { signal, onChange: (seen) => say(world, changeLine(seen)) })
    : (await client.call("showDocument", { params: { id }, signal })).document;
  answer(world, { document }, describeDocument(document));
}

type Filters = Partial<ListDocumentsQuery>;

type Listed = {
  documents: DocumentSummary[];
  /** From when on changes are still to be told, by the server's clock: that of whoever asks may be any. */
  since: string;
};

async function listDocuments(world: World, client: Client, query: Filters, all: boolean): Promise<Listed> {
  const first = await readPages(client, { ...query, ...(all ? { limit: 100 } : {}) }, null, world, all);
  const { documents, complete, at } = first!; // without a tag there is always an answer
  const more = complete ? [] : ["There are more: narrow it down, or use --all."];
  answer(world, { documents, complete }, [...describeList(documents), ...more]);
  return { documents, since: at?.toISOString() ?? latestChange(documents, new Date(0).toISOString()) };
}

/**
 * Tells each new version of a document once; answers may repeat a few seconds, and never lead back. What changed is asked for
 * a round behind: a document that changes while later pages are read bears an earlier moment than those may.
 */
async function followList(
  world: World,
  client: Client,
  query: Filters,
  { documents, since: listedAt }: Listed,
): Promise<never> {
  const versions = new Map(documents.map(({ id, version }) => [id, version]));
  let [since, latest] = [listedAt, listedAt];
  for (let etag: string | null = null; ; await client.patience.sleep(followMs, world.signal)) {
    const changed = await readPages(client, { ...query, changedSince: since, limit: 100 }, etag, world, true);
    if (changed === null) continue;
    for (const document of changed.documents.toReversed()) {
      if (document.version <= (versions.get(document.id) ?? 0)) continue;
      versions.set(document.id, document.version);
      answer(world, document, [changeLine(document)]);
    }
    etag = latest === since ? changed.etag : null; // another question has another answer
    since = latest;
    latest = latestChange(changed.documents, latest);
  }
}

type Pages = { documents: DocumentSummary[]; complete: boolean; etag: string | null; at: Date | null };

/** The first page of a list, or all of them; `at` is the first one's. Null when `etag` names it still: it names a single page. */
async function readPages(
  client: Client,
  query: Filters,
  etag: string | null,
  { signal }: World,
  all: boolean,
): Promise<Pages | null> {
  const first: Tagged<"listDocuments"> | null = await client.callIfChanged(
    "listDocuments",
    { query, signal },
    etag,
  );
  if (first === null) return null;
  const documents = [...first.reply.documents];
  let cursor = first.reply.nextCursor;
  while (all && cursor !== null) {
    const next = await client.call("listDocuments", { query: { ...query, cursor }, signal });
    documents.push(...next.documents);
    cursor = next.nextCursor;
  }
  const isSingle = first.reply.nextCursor === null;
  return { documents, complete: cursor === null, etag: isSingle ? first.etag : null, at: first.at };
}

const latestChange = (documents: readonly DocumentSummary[], atLeast: string): string =>
  documents.reduce((latest, { changedAt }) => (changedAt > latest ? changedAt : latest), atLeast);

const changeLine = (document: DocumentSummary | DocumentView): string =>
  `${formatMoment(document.changedAt)}  ${document.id}  ${document.kind}  ${explainState(document)}`;

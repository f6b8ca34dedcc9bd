import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { entryOf } from "@strongroom/core/audit/chain-audit";
import { type ChainedEntry, verifyChain } from "@strongroom/core/audit/chain";
import { withClient } from "@strongroom/core/database/roles";
import type { AuditRow } from "@strongroom/core/database/tables";
import type { Connection } from "@strongroom/core/ports/database";

type Query = <Row>(sql: string) => Promise<Row[]>;

/**
 * What does not hold in a system that came to rest, read from its tables and files alone; empty when all holds: events,
 * audit, attempts, vault, receipts, pushes. `superuser` must name the system's own database.
 */
export async function findFaults(superuser: Connection, dataDirectory: string): Promise<string[]> {
  return await withClient(superuser, async (client) => {
    const query: Query = async (sql) => (await client.query(sql)).rows;
    const checks = [
      checkEvents,
      checkStream,
      checkAudit,
      checkTokens,
      checkAttempts,
      checkReceipts,
      checkNotices,
    ];
    const faults: string[] = [];
    for (const check of checks) faults.push(...(await check(query)));
    return [...faults, ...(await checkVault(query, join(dataDirectory, "objects", "vault")))];
  });
}

/** Whether nothing is on its way any more: every document rests, every event is published, every audit entry chained. */
export async function isQuiet(superuser: Connection): Promise<boolean> {
  return await withClient(superuser, async (client) => {
    const { rows } = await client.query<{ waiting: number }>(`select (
        (select count(*) from document where state in ('received', 'processing'))
      + (select count(*) from outbox where published_at is null)
      + (select count(*) from audit where sequence is null)
      + (select count(*) from outbox o where o.type in ('document.stored', 'document.rejected', 'document.failed')
         and not exists (select from inbox i where i.consumer = 'notifier' and i.event_id = o.event_id)))::int as waiting`);
    return rows[0]!.waiting === 0;
  });
}

type Versions = { id: string; version: number; versions: number[] };

async function checkEvents(query: Query): Promise<string[]> {
  const rows = await query<Versions>(`select d.id, d.version, array_agg(o.version order by o.id) as versions
    from document d join outbox o on o.document_id = d.id and o.topic = 'documents' group by d.tenant_id, d.id, d.version`);
  const faults = rows.filter((row) => !isGapless(row.versions, row.version));
  const [all] = await query<{ documents: number; unpublished: number }>(
    "select (select count(*)::int from document) as documents, (select count(*)::int from outbox where published_at is null) as unpublished",
  );
  return [
    ...faults.map(({ id, version, versions }) => `${id}: version ${version}, events ${versions.join(" ")}`),
    ...(all!.documents === rows.length ? [] : [`${all!.documents - rows.length} documents without an event`]),
    ...(all!.unpublished === 0 ? [] : [`${all!.unpublished} events are not published`]),
  ];
}

const isGapless = (versions: number[], last: number): boolean =>
  versions.length === last && versions.every((version, index) => version === index + 1);

/** As every consumer reads it: what is not newer than the last seen of its document is dropped, and then nothing is missing. */
async function checkStream(query: Query): Promise<string[]> {
  const records = await query<{
    key: string;
    version: number;
  }>(`select key, (value::jsonb ->> 'version')::int as version
    from embedded.stream_record where topic = 'documents' order by partition, record_offset`);
  const seen = new Map<string, number[]>();
  for (const { key, version } of records) {
    const versions = seen.get(key) ?? [];
    if (version > (versions.at(-1) ?? 0)) seen.set(key, [...versions, version]);
  }
  const documents = await query<Omit<Versions, "versions">>("select id, version from document");
  return documents
    .filter(({ id, version }) => !isGapless(seen.get(id) ?? [], version))
    .map(({ id, version }) => `${id}: version ${version}, in the stream ${seen.get(id)?.join(" ")}`);
}

async function checkAudit(query: Query): Promise<string[]> {
  const rows = await query<AuditRow>("select * from audit order by tenant_id, sequence");
  const faults: string[] = [];
  for (const [tenantId, some] of Map.groupBy(rows, ({ tenant_id }) => tenant_id)) {
    const check = verifyChain(some.map(chainedOf));
    if (check.outcome === "broken")
      faults.push(`the audit of ${tenantId} is broken at ${check.sequence}: ${check.fault}`);
  }
  return faults;
}

const chainedOf = (row: AuditRow): ChainedEntry => ({
  sequence: Number(row.sequence ?? 0),
  previousHash: row.previous_hash ?? "",
  hash: row.hash ?? "",
  entry: entryOf(row),
});

/** Every claim of a document has a higher token than the one before, and the last one is who settled it. */
async function checkTokens(query: Query): Promise<string[]> {
  const rows = await query<{ id: string; tokens: number[]; settled: number[] }>(`select subject as id,
      array_agg((detail ->> 'token')::int order by id) filter (where action = 'document.claimed') as tokens,
      array_agg((detail ->> 'token')::int) filter (where action in ('document.stored', 'document.rejected', 'document.failed')) as settled
    from audit group by subject having count(*) filter (where action = 'document.claimed') > 0`);
  return rows
    .filter(
      ({ tokens, settled }) =>
        settled?.length !== 1 ||
        settled[0] !== tokens.at(-1) ||
        tokens.some((token, i) => token <= (tokens[i - 1] ?? 0)),
    )
    .map(
      ({ id, tokens, settled }) =>
        `${id}: claimed under ${tokens.join(" ")}, settled by ${settled?.join(" ") ?? "nobody"}`,
    );
}

/** Key and artefacts are of one attempt, the one that holds the document. */
async function checkAttempts(query: Query): Promise<string[]> {
  const rows = await query<{ id: string }>(`select d.id from document d where d.state = 'stored' and not (
      exists (select from document_key k where (k.tenant_id, k.document_id, k.attempt) = (d.tenant_id, d.id, d.lease_token))
      and exists (select from artefact a where (a.tenant_id, a.document_id) = (d.tenant_id, d.id) and a.name = 'original-1')
      and not exists (select from artefact a where (a.tenant_id, a.document_id) = (d.tenant_id, d.id) and a.attempt <> d.lease_token))`);
  return rows.map(({ id }) => `${id}: key and artefacts are not of the attempt that stored it`);
}

async function checkReceipts(query: Query): Promise<string[]> {
  const rows = await query<{ id: string }>(`select d.id from document d where (d.state = 'stored')
      <> exists (select from receipt r where (r.tenant_id, r.document_id) = (d.tenant_id, d.id))`);
  return rows.map(({ id }) => `${id}: stored without a receipt, or the other way round`);
}

/** Each device of the owner got one tag for the version in which a document came to rest, and no other. */
async function checkNotices(query: Query): Promise<string[]> {
  const rows = await query<{ tag: string; fault: string }>(`
    with due as (select v.push_token as token, o.document_id || '.' || o.version as tag from outbox o
        join document d on (d.tenant_id, d.id) = (o.tenant_id, o.document_id)
        join device v on (v.tenant_id, v.user_id) = (d.tenant_id, d.owner_id)
        where o.type in ('document.stored', 'document.rejected', 'document.failed')),
      sent as (select token, tag from embedded.push_inbox)
    select tag, 'not sent' as fault from (select * from due except select * from sent) missing
    union all select tag, 'sent for nothing' from (select * from sent except select * from due) extra`);
  return rows.map(({ tag, fault }) => `notice ${tag}: ${fault}`);
}

type Listed = { path: string; sealed_size_bytes: string };

/** What the manifests name is there; what they do not name is of an attempt that lost. */
async function checkVault(query: Query, vault: string): Promise<string[]> {
  const listed = await query<Listed>(
    "select substr(vault_key, 3) || '@' as path, sealed_size_bytes from artefact",
  );
  const winners = await query<{ attempt: string }>(
    `select lease_token::text as attempt from document where state = 'stored'`,
  );
  const there = new Set(await filesBelow(vault));
  const missing = await Promise.all(
    listed.map(async (one) => ((await isWhole(vault, one)) ? null : `${one.path} is not in the vault`)),
  );
  const referenced = new Set(listed.map(({ path }) => path));
  const won = new Set(winners.map(({ attempt }) => attempt));
  const strays = [...there].filter((path) => !referenced.has(path) && won.has(path.split("/")[3] ?? ""));
  return [
    ...missing.filter((fault) => fault !== null),
    ...strays.map((path) => `${path} is of a winning attempt, but in no manifest`),
  ];
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}

/** An object's file holds its facts as well: it is longer than the sealed bytes. */
async function isWhole(vault: string, { path, sealed_size_bytes }: Listed): Promise<boolean> {
  const found = await stat(join(vault, path)).catch(() => null);
  return found !== null && found.size > Number(sealed_size_bytes);
}

import { checkAudit, openCheckpoint, type TrailRow } from "./check-audit.ts";
import {
  type AuditRow,
  type Document,
  entriesOf,
  type EntryOf,
  groupBy,
  type JudgedRun,
  type JudgedState,
  type OutboxRow,
  type PublicKey,
  readObject,
  type Receipt,
  slownessOf,
  type Verdict,
} from "./judged-run.ts";
import { type Claims, verifiedClaims } from "./verify-receipt.ts";

type Jwks = { keys: PublicKey[] };

/** What can be shown to somebody else: receipts, and the audit with its checkpoints, under the keys that were published. */
export function judgeEvidence(run: JudgedRun): Verdict[] {
  return [judgeReceipts(run), judgeTrail(run, publishedKeys(run)), judgeLines(run)];
}

const publishedKeys = (run: JudgedState): Jwks => ({ keys: entriesOf(run, "keys").at(-1)?.keys ?? [] });

/** P2b alone, of a state at any moment. */
export function judgeReceipts(run: JudgedState): Verdict {
  const jwks = publishedKeys(run);
  const receipts = groupBy(run.tables.receipt, ({ document_id }) => document_id);
  const uploaded = new Map(entriesOf(run, "planned").map((entry) => [entry.document, entry.files]));
  const checkpoints = checkpointNames(run, jwks);
  const judged = (document: Document): string[] => {
    const own = receipts.get(document.id) ?? [];
    const wanted = document.state === "stored" ? 1 : 0;
    if (own.length !== wanted) return [`${document.id} is ${document.state} with ${own.length} receipts`];
    return own.flatMap((one) =>
      receiptFaults(one, jwks, uploaded.get(document.id) ?? [], checkpoints).map(
        (fault) => `the receipt of ${document.id}: ${fault}`,
      ),
    );
  };
  return {
    id: "P2b",
    promise: "every stored document has one receipt, signed by a published key, over exactly its originals",
    looked: run.tables.receipt.length,
    violations: run.tables.document.flatMap(judged),
  };
}

function receiptFaults(
  { tenant_id, document_id, jws }: Receipt,
  jwks: Jwks,
  files: EntryOf<"planned">["files"],
  checkpoints: ReadonlySet<string>,
): string[] {
  let claims: Claims;
  try {
    claims = verifiedClaims(jws, jwks);
  } catch (error) {
    return [(error as Error).message];
  }
  const { tenant, document, originals, checkpoint } = claims;
  const said = originals.map(({ position, sha256, sizeBytes }) => `${position} ${sha256} ${sizeBytes}`);
  const sent = files.map(({ position, sha256, sizeBytes }) => `${position} ${sha256} ${sizeBytes}`);
  return [
    ...(tenant === tenant_id && document === document_id ? [] : ["it is another document's"]),
    ...(said.join() === sent.join() ? [] : ["it lists other originals than were uploaded"]),
    ...(checkpoint === null || checkpoints.has(`${checkpoint.sequence} ${checkpoint.sha256}`)
      ? []
      : [`it names a checkpoint ${checkpoint.sequence} that does not lie in the vault`]),
  ];
}

/** Sequence and digest of every checkpoint whose signature holds. */
function checkpointNames(run: JudgedState, jwks: Jwks): Set<string> {
  const opened = checkpointsInVault(run).map((jws) => openCheckpoint(jws, jwks));
  return new Set(opened.flatMap((one) => (typeof one === "string" ? [] : [`${one.sequence} ${one.sha256}`])));
}

const checkpointsInVault = (run: JudgedState): string[] =>
  run.objectKeys
    .filter((key) => key.startsWith("v/checkpoints/"))
    .map((key) => readObject(run.readFile(key)).data.toString());

function judgeTrail(run: JudgedRun, jwks: Jwks): Verdict {
  const { audit, audit_head, audit_checkpoint } = run.tables;
  const checkpoints = checkpointsInVault(run);
  const { faults } = checkAudit({ rows: audit.map(trailRow), checkpoints, jwks });
  const copies = new Set(checkpoints);
  return {
    id: "P12",
    promise: "the audit of every tenant is chained whole, as every signed checkpoint in the vault saw it",
    looked: audit.length,
    violations: [
      ...audit
        .filter(({ sequence }) => sequence === null)
        .map(({ action, subject }) => `${action} of ${subject} is not chained`),
      ...faults,
      ...headFaults(audit, audit_head),
      ...(audit_checkpoint.length === 0 ? ["no checkpoint was signed"] : []),
      ...lateCheckpoint(run, checkpoints, jwks),
      ...audit_checkpoint
        .filter(({ jws }) => !copies.has(jws))
        .map(({ sequence }) => `checkpoint ${sequence} does not lie in the vault`),
    ],
  };
}

/** Until a checkpoint saw an entry, it can be rewritten unnoticed: that may last for a period, and for another if the relay was killed. */
function lateCheckpoint(run: JudgedRun, checkpoints: string[], jwks: Jwks): string[] {
  const signed = checkpoints.map((jws) => openCheckpoint(jws, jwks)).filter((one) => typeof one !== "string");
  const newest = signed.toSorted((one, other) => one.sequence - other.sequence).at(-1);
  const seen = new Map(newest?.heads.map(({ tenantId, sequence }) => [tenantId, sequence]));
  const limitMs = slownessOf(run) * (2 * run.periods.checkpoint + unscaledMs);
  const unproven = run.tables.audit.filter(
    ({ tenant_id, sequence, at }) =>
      run.dumpedAt - Date.parse(at) > limitMs && Number(sequence) > (seen.get(tenant_id) ?? 0),
  );
  return unproven.length === 0
    ? []
    : [`${unproven.length} entries are older than ${limitMs} ms, and no checkpoint saw them`];
}

/** On top of scaled times: a signature and two writes take what they take. */
const unscaledMs = 5_000;

const trailRow = (row: AuditRow): TrailRow => ({
  sequence: row.sequence === null ? null : Number(row.sequence),
  previousHash: row.previous_hash,
  hash: row.hash,
  entry: {
    tenantId: row.tenant_id,
    id: row.entry_id,
    at: new Date(row.at).toISOString(),
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    detail: row.detail,
  },
});

/** A tail that was cut off after the last checkpoint shows in the head alone. */
function headFaults(audit: AuditRow[], heads: JudgedRun["tables"]["audit_head"]): string[] {
  const tenants = groupBy(audit, ({ tenant_id }) => tenant_id);
  const headOf = new Map(heads.map(({ tenant_id, sequence, hash }) => [tenant_id, `${sequence} ${hash}`]));
  return [...tenants].flatMap(([tenant, rows]) => {
    const last = rows.reduce((one, other) => (Number(other.sequence) > Number(one.sequence) ? other : one));
    return headOf.get(tenant) === `${last.sequence} ${last.hash}`
      ? []
      : [`the head of ${tenant} is not its last entry`];
  });
}

const lineOf = (type: string, tenant: string, document: string, version: number | undefined) =>
  `${type} of ${document}, version ${version}, in ${tenant}`;

/** A fact and its line bear the same name, and were written in the same transaction. */
function judgeLines({ tables }: JudgedRun): Verdict {
  const facts = groupBy(tables.outbox, (row: OutboxRow) =>
    lineOf(row.type, row.tenant_id, row.document_id, row.version),
  );
  const lines = groupBy(tables.audit, ({ action, tenant_id, subject, detail }) =>
    lineOf(action, tenant_id, subject, detail.version),
  );
  const claims = new Set(
    tables.audit
      .filter(({ action }) => action === "document.claimed")
      .map(({ subject, detail }) => `${subject} ${detail.token}`),
  );
  const registered = new Set(
    tables.audit.filter(({ action }) => action === "device.registered").map(({ subject }) => subject),
  );
  return {
    id: "P12b",
    promise:
      "the audit is complete: one line for every fact, and one for every attempt and device that counts",
    looked: tables.outbox.length,
    violations: [
      ...[...facts].flatMap(([name, rows]) => {
        const found = lines.get(name)?.length ?? 0;
        return found === rows.length ? [] : [`${name}: ${rows.length} facts, ${found} lines`];
      }),
      ...tables.artefact
        .filter(({ document_id, attempt }) => !claims.has(`${document_id} ${attempt}`))
        .map(
          ({ name, document_id, attempt }) =>
            `${name} of ${document_id} is of an attempt ${attempt} without a line`,
        ),
      ...tables.device.filter(({ id }) => !registered.has(id)).map(({ id }) => `device ${id} has no line`),
    ],
  };
}

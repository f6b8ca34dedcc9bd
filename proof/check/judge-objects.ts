import { createHash } from "node:crypto";
import { hostileFamilies, refusals } from "./demands.ts";
import {
  type Artefact,
  type Document,
  entriesOf,
  type EntryOf,
  type File,
  groupBy,
  type JudgedRun,
  type JudgedState,
  readObject,
  slownessOf,
  type Verdict,
} from "./judged-run.ts";
import { openDataKey } from "./open-data-key.ts";
import { openSealed } from "./open-sealed.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const ofDocument = (row: { tenant_id: string; document_id: string }) => `${row.tenant_id}/${row.document_id}`;
const idOf = ({ tenant_id, id }: Document) => `${tenant_id}/${id}`;
/** Between two rounds of the reconciler, and what a round takes. */
const unscaledMs = 5_000;

/** I2 and P2, I5, I6 and P6: what lies in the vault and in staging, opened and hashed. */
export function judgeObjects(run: JudgedRun): Verdict[] {
  return [...judgeVault(run), judgeOrphans(run), judgeStaging(run), judgeHostile(run)];
}

/** I2 and P2 alone, of a state at any moment. */
export function judgeVault(run: JudgedState): Verdict[] {
  const artefacts = groupBy(run.tables.artefact, ofDocument);
  const keys = groupBy(run.tables.document_key, ofDocument);
  const planned = new Map(entriesOf(run, "planned").map((entry) => [entry.document, entry]));
  const unsound: string[] = [];
  const altered: string[] = [];
  let originals = 0;
  for (const document of run.tables.document) {
    const own = artefacts.get(idOf(document)) ?? [];
    const ownKeys = keys.get(idOf(document)) ?? [];
    if (document.state !== "stored") {
      if (own.length + ownKeys.length > 0)
        unsound.push(`${document.id} is ${document.state}, yet has artefacts`);
      continue;
    }
    if (ownKeys.length !== 1) unsound.push(`${document.id} is stored with ${ownKeys.length} keys`);
    for (const artefact of own) unsound.push(...check(run, document, artefact, ownKeys[0]?.wrapped));
    const { files = [], fate } = planned.get(document.id) ?? {};
    if (fate === "shown" && document.reason === null) unsound.push(...unseen(document, own, files.length));
    for (const file of files) {
      originals += 1;
      const original = own.find(({ name }) => name === `original-${file.position}`);
      if (original?.sha256 !== file.sha256 || Number(original.size_bytes) !== file.sizeBytes)
        altered.push(`original ${file.position} of ${document.id} is not what its client uploaded`);
    }
  }
  return [
    {
      id: "I2",
      promise: "stored, if and only if every object is there, matches, decrypts and is bound to its document",
      looked: run.tables.artefact.length,
      violations: unsound,
    },
    { id: "P2", promise: "stored = uploaded, bit for bit", looked: originals, violations: altered },
  ];
}

/** Of every file there is a page at least, and of every page a rendition and a thumbnail. */
function unseen({ id }: Document, own: Artefact[], files: number): string[] {
  const numbersOf = (kind: string) =>
    own
      .flatMap(({ name }) => (name.startsWith(`${kind}-`) ? Number(name.slice(kind.length + 1)) : []))
      .toSorted((one, other) => one - other);
  const [pages, thumbnails] = [numbersOf("page"), numbersOf("thumbnail")];
  return pages.length >= files && pages.join() === thumbnails.join()
    ? []
    : [`${id} has ${pages.length} pages and ${thumbnails.length} thumbnails of ${files} files`];
}

/** Opens one artefact with the root key, the wrapped key and the two published formats. */
function check(
  run: JudgedState,
  document: Document,
  artefact: Artefact,
  wrapped: string | undefined,
): string[] {
  const name = `${artefact.name} of ${document.id}`;
  if (Number(artefact.attempt) !== Number(document.lease_token))
    return [`${name} is of attempt ${artefact.attempt}, the document of ${document.lease_token}`];
  try {
    const { data } = readObject(run.readFile(artefact.vault_key));
    if (data.length !== Number(artefact.sealed_size_bytes) || sha256(data) !== artefact.sealed_sha256)
      return [`${name}: the vault holds other bytes than the manifest says`];
    const context = {
      app: "strongroom",
      tenant: document.tenant_id,
      document: document.id,
      attempt: String(artefact.attempt),
    };
    const opened = openSealed(data, dataKey(run, wrapped ?? "", context));
    const bound = { ...context, artefact: artefact.name };
    if (Object.entries(bound).some(([field, value]) => opened.context[field] !== value))
      return [`${name} is sealed for something else`];
    const { plaintext } = opened;
    return plaintext.length === Number(artefact.size_bytes) && sha256(plaintext) === artefact.sha256
      ? []
      : [`${name} opens to other bytes than the manifest says`];
  } catch (error) {
    return [`${name}: ${(error as Error).message}`];
  }
}

function dataKey({ rootKeys }: JudgedState, wrapped: string, context: Record<string, string>): Buffer {
  const bytes = Buffer.from(wrapped.replace(/^\\x/, ""), "hex");
  const keyId = bytes.toString("hex", 1, 17);
  const root = rootKeys.find((text) => text.includes(keyId));
  if (root === undefined) throw new Error(`no root key ${keyId}`);
  return openDataKey(root, bytes, context);
}

function judgeOrphans(run: JudgedRun): Verdict {
  const listed = new Set(run.tables.artefact.map(({ vault_key }) => vault_key));
  const { orphanGrace, sweep, reconcile } = run.periods;
  // Checkpoints of the audit lie in the vault as well; they are of no document and stay.
  const inVault = run.objectKeys.filter((key) => key.startsWith("v/") && !key.startsWith("v/checkpoints/"));
  return {
    id: "I5",
    promise: "every vault object is referenced, or younger than the grace and a sweep",
    looked: inVault.length,
    violations: inVault
      .filter((key) => !listed.has(key))
      .flatMap((key) => {
        const ageMs = run.dumpedAt - readObject(run.readFile(key)).modifiedAt;
        return ageMs > orphanGrace + sweep + slownessOf(run) * (reconcile + unscaledMs)
          ? [`${key} is an orphan of ${ageMs} ms`]
          : [];
      }),
  };
}

function judgeStaging(run: JudgedRun): Verdict {
  const documents = new Map(run.tables.document.map((row) => [idOf(row), row]));
  const there = new Set(run.objectKeys.filter((key) => key.startsWith("s/")));
  const expected = new Set(run.tables.document_file.map(({ staging_key }) => staging_key));
  const tooOld = run.dumpedAt - run.periods.keepExpired - run.periods.sweep - unscaledMs;
  return {
    id: "I6",
    promise:
      "nothing in staging is older than its time, nothing went before its time, nothing there was overwritten",
    looked: there.size,
    violations: [
      ...run.tables.document_file.flatMap((file) => stale(run, documents.get(ofDocument(file)), file, there)),
      ...[...there]
        .filter((key) => !expected.has(key) && readObject(run.readFile(key)).modifiedAt < tooOld)
        .map((key) => `${key} is of no page`),
    ],
  };
}

function stale(run: JudgedRun, document: Document | undefined, file: File, there: Set<string>): string[] {
  if (!document) return [`${file.staging_key} is of a document that is not there`];
  const name = `page ${file.position} of ${document.id} (${document.state})`;
  const { keepStored, keepRejected, keepExpired, reconcile } = run.periods;
  const keepMs =
    { stored: keepStored, rejected: keepRejected, expired: keepExpired }[document.state] ?? Infinity;
  const dueAt = document.settled_at === null ? Infinity : Date.parse(document.settled_at) + keepMs;
  const cleared = document.staging_cleared_at;
  if (cleared !== null && Date.parse(cleared) < dueAt) return [`${name} was cleared before its time`];
  if (!there.has(file.staging_key))
    return cleared === null && file.arrived_at !== null ? [`${name} arrived, and is gone`] : [];
  if (cleared !== null) return [`${name} is marked as cleared, and is there`];
  if (run.dumpedAt > dueAt + slownessOf(run) * (2 * reconcile + unscaledMs))
    return [`${name} should have been cleared`];
  const bytes = readObject(run.readFile(file.staging_key)).data;
  return sha256(bytes) === file.sha256 ? [] : [`${name} holds other bytes than were declared`];
}

/** What nobody tried, got no answer to, or was refused for something else, was not refused. */
const untried = (answered: EntryOf<"hostile">[]): string[] =>
  hostileFamilies
    .filter((one) => !answered.some(({ family, status }) => family === one && status === refusals[one]))
    .map((one) => `no upload was tried and refused with ${refusals[one]}: ${one}`);

function judgeHostile(run: JudgedRun): Verdict {
  const answered = entriesOf(run, "hostile").filter(({ status }) => status !== null);
  return {
    id: "P6",
    promise: "late and hostile uploads are refused with a 4xx, each family of them tried",
    looked: answered.length,
    violations: [
      ...answered
        .filter(({ status }) => status! < 400 || status! > 499)
        .map(({ document, attempt, status }) => `${attempt} for ${document} was answered with ${status}`),
      ...(run.demands.attacks ? untried(answered) : []),
    ],
  };
}

import {
  type Document,
  entriesOf,
  type EntryOf,
  groupBy,
  type JudgedRun,
  slownessOf,
  type Verdict,
} from "./judged-run.ts";

const terminal = new Set(["stored", "rejected"]);
const notYetReceived = new Set(["granted", "expired"]);
/** On top of a scaled time: processes start and pictures are decoded no faster than they are. */
const unscaledMs = 5_000;

/** What the clients know of one document. */
type Known = {
  planned: EntryOf<"planned">;
  rows: Document[];
  accepted: EntryOf<"accept">[];
  /** Requests of all its files that certainly, and that possibly, reached the store. */
  sent: { all: boolean; maybeAll: boolean; lastAt: number };
  acknowledged: boolean;
  /** Acknowledged, or received whole though its client died before it was told: it is owed the end that was planned for it. */
  isOwed: boolean;
};

/** I1, I3, I4: what became of each upload, set against what its client was told. */
export function judgeUploads(run: JudgedRun): Verdict[] {
  const known = knownDocuments(run);
  const owed = known.filter((one) => one.isOwed);
  return [
    {
      id: "I1",
      promise:
        "every upload that was acknowledged, or received whole, has exactly one live row in the terminal state it deserves",
      looked: owed.length,
      violations: [
        ...owed.flatMap(unfinished),
        ...known.flatMap((one) => [...unsent(one), ...vanished(one), ...forgotten(run, one)]),
        ...judgeFailed(run),
      ],
    },
    judgeOnce(run, known),
    judgeUnknown(run, known),
    judgeQuiet(run),
  ];
}

function knownDocuments(run: JudgedRun): Known[] {
  const rows = groupBy(run.tables.document, ({ id }) => id);
  const accepts = groupBy(entriesOf(run, "accept"), ({ document }) => document);
  const puts = groupBy(entriesOf(run, "put"), ({ document }) => document);
  const completed = new Set(
    entriesOf(run, "complete")
      .filter(({ outcome }) => outcome === "ok")
      .map(({ document }) => document),
  );
  const seen = new Set(
    entriesOf(run, "seen")
      .filter(({ state }) => !notYetReceived.has(state))
      .map(({ document }) => document),
  );
  return entriesOf(run, "planned").map((planned) => {
    const own = rows.get(planned.document) ?? [];
    const sent = sentOf(planned, puts.get(planned.document) ?? []);
    const acknowledged = completed.has(planned.document) || seen.has(planned.document);
    const isReceived = own.some(({ state }) => !notYetReceived.has(state));
    const accepted = accepts.get(planned.document) ?? [];
    return {
      planned,
      rows: own,
      accepted,
      sent,
      acknowledged,
      isOwed: acknowledged || (sent.all && isReceived),
    };
  });
}

function sentOf({ files }: EntryOf<"planned">, puts: EntryOf<"put">[]): Known["sent"] {
  const reached = (outcomes: readonly string[]) =>
    files.every(({ position, requests }) =>
      Array.from({ length: requests }).every((_, request) =>
        puts.some(
          (put) => put.position === position && put.request === request && outcomes.includes(put.outcome),
        ),
      ),
    );
  const lastAt = Math.max(0, ...puts.filter(({ outcome }) => outcome === "ok").map(({ at }) => at));
  return { all: reached(["ok"]), maybeAll: reached(["ok", "unknown"]), lastAt };
}

function unfinished({ planned, rows }: Known): string[] {
  const { document, tenant, user, fate } = planned;
  if (rows.length !== 1) return [`${document} is owed an end and has ${rows.length} rows`];
  const row = rows[0]!;
  if (row.tenant_id !== tenant || row.owner_id !== user) return [`${document} belongs to somebody else now`];
  if (row.state === "failed") return []; // it is judged among all that failed
  if (!terminal.has(row.state)) return [`${document} is owed an end and rests in ${row.state}`];
  const { state } = row;
  const shown = state === "stored" && row.reason === null;
  const asMeant = { shown, kept: state === "stored", rejected: state === "rejected", never: false }[fate];
  return asMeant ? [] : [`${document} should be ${fate}, but is ${state} (${row.reason})`];
}

/** Once our faults are over, what failed and is sent its way again, once, gets to its end: nothing fails by its own content. */
function judgeFailed(run: JudgedRun): string[] {
  const redriven = groupBy(entriesOf(run, "redriven"), ({ document }) => document);
  const states = new Map(run.tables.document.map(({ id, state }) => [id, state]));
  const unseen = [...states].filter(([id, state]) => state === "failed" && !redriven.has(id));
  return [
    ...unseen.map(([id]) => `${id} failed, and no operator was shown it when the faults had stopped`),
    ...[...redriven].flatMap(([id, tries]) => [
      ...(tries.length > 1 ? [`${id} was redriven ${tries.length} times`] : []),
      ...tries
        // 409 at a later try: it was sent its way already, by one whose answer was lost.
        .filter(({ outcome, status, tries: sent }) => outcome !== "ok" && !(status === 409 && sent > 1))
        .map(({ status }) => `the redrive of ${id} was answered with ${status}`),
      ...(terminal.has(states.get(id) ?? "")
        ? []
        : [`${id} was redriven when our faults were over, and is ${states.get(id) ?? "nowhere"}`]),
    ]),
  ];
}

/** An acknowledgement for bytes that were never sent is a lie, whatever becomes of it. */
function unsent({ planned, sent, acknowledged }: Known): string[] {
  return acknowledged && !sent.maybeAll
    ? [`${planned.document} was acknowledged, but not all of it was ever sent`]
    : [];
}

/** A grant that was given is a promise, too: whoever died after it comes again, and finds it. */
function vanished({ planned, rows, accepted }: Known): string[] {
  return rows.length === 0 && accepted.some(({ outcome }) => outcome === "ok")
    ? [`${planned.document} was granted, and is not there`]
    : [];
}

/** All is sent and the client died: the document is received by the event, or at the reconciler's next look. It never expires. */
function forgotten(run: JudgedRun, { planned, rows, sent }: Known): string[] {
  const row = rows[0];
  if (sent.all && row?.state === "expired") return [`${planned.document} was sent whole, and expired`];
  if (!sent.all || row?.state !== "granted") return [];
  const { silence, reconcile } = run.periods;
  const ageMs = sent.lastAt - Date.parse(row.created_at);
  const patienceMs = Math.max(silence, ageMs / 2) + slownessOf(run) * (2 * reconcile + unscaledMs);
  return run.dumpedAt - sent.lastAt > patienceMs
    ? [`${planned.document} was sent whole, and waits as granted for ${run.dumpedAt - sent.lastAt} ms`]
    : [];
}

function judgeOnce({ tables }: JudgedRun, known: Known[]): Verdict {
  const stored = groupBy(
    tables.outbox.filter(({ type }) => type === "document.stored"),
    ({ document_id }) => document_id,
  );
  const receipts = groupBy(tables.receipt, ({ document_id }) => document_id);
  return {
    id: "I3",
    promise: "no two stored rows, stored events or receipts for one client id",
    looked: known.length,
    violations: known.flatMap(({ planned: { document }, rows }) => [
      ...(rows.length > 1 ? [`${document} has ${rows.length} rows`] : []),
      ...((stored.get(document)?.length ?? 0) > 1 ? [`${document} was stored twice`] : []),
      ...((receipts.get(document)?.length ?? 0) > 1 ? [`${document} has two receipts`] : []),
    ]),
  };
}

function judgeUnknown({ tables }: JudgedRun, known: Known[]): Verdict {
  const ids = new Set(known.map(({ planned }) => planned.document));
  const unknown = known.filter(({ accepted }) => accepted.every(({ outcome }) => outcome !== "ok"));
  const refused = unknown.filter(({ accepted }) => accepted.every(({ outcome }) => outcome === "refused"));
  return {
    id: "I4",
    promise:
      "an upload with unknown outcome is at most one document, a refused one none, and none is there unasked",
    looked: unknown.length + tables.document.length,
    violations: [
      ...unknown
        .filter(({ rows }) => rows.length > 1)
        .map(({ planned, rows }) => `${planned.document}: outcome unknown, ${rows.length} rows`),
      ...refused
        .filter(({ rows }) => rows.length > 0)
        .map(({ planned }) => `${planned.document} was refused, and is there`),
      ...tables.document.filter(({ id }) => !ids.has(id)).map(({ id }) => `nobody asked for document ${id}`),
    ],
  };
}

function judgeQuiet(run: JudgedRun): Verdict {
  const quiet = entriesOf(run, "quiet");
  return {
    id: "quiet",
    promise: "when the faults stop, the system comes to rest within 120 s of its time",
    looked: quiet.length,
    violations: quiet.flatMap(({ tookMs, limitMs }) =>
      tookMs === null || tookMs > limitMs
        ? [`not at rest after ${tookMs ?? "all the"} ms of ${limitMs}`]
        : [],
    ),
  };
}

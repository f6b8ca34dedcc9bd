import { standingPoints } from "./demands.ts";
import { relayDeaths } from "./judge-harm.ts";
import {
  type AuditRow,
  type Document,
  entriesOf,
  groupBy,
  type JudgedState,
  type OutboxRow,
  type Verdict,
} from "./judged-run.ts";

/** The state graph of the design; a claim may follow a claim. */
const graph: Record<string, readonly string[]> = {
  granted: ["received", "expired", "erased"],
  expired: ["granted", "erased"],
  received: ["processing", "erased"],
  processing: ["processing", "stored", "rejected", "failed"],
  stored: ["archived", "erased"],
  rejected: ["erased"],
  failed: ["received", "erased"],
  archived: ["stored", "restoring", "erased"],
  restoring: ["stored", "erased"],
  erased: [],
};
const settling = new Set(["document.stored", "document.rejected", "document.failed"]);

/** I7 and P4, I8 and P5: events, transitions and tokens, each source set against the others. */
export function judgeFacts(run: JudgedState): Verdict[] {
  return [judgeEvents(run), judgeStream(run), ...judgeTransitions(run)];
}

function judgeEvents({ tables }: JudgedState): Verdict {
  const events = groupBy(
    tables.outbox.filter(({ topic }) => topic === "documents"),
    ({ document_id }) => document_id,
  );
  const told = groupBy(
    tables.outbox.filter(({ type }) => type === "user.notified"),
    ({ document_id, version }) => `${document_id} version ${version}`,
  );
  const documents = new Set(tables.document.map(({ id }) => id));
  return {
    id: "I7",
    promise: "events = ledger: versions 1 to n without a gap, all published, each effect once",
    looked: tables.outbox.length,
    violations: [
      ...tables.document.flatMap((document) => gaps(document, events.get(document.id) ?? [])),
      ...[...events.keys()]
        .filter((id) => !documents.has(id))
        .map((id) => `an event of ${id}, which is not there`),
      ...tables.outbox
        .filter(({ published_at }) => published_at === null)
        .map(({ type, document_id }) => `${type} of ${document_id} is not published`),
      ...[...told]
        .filter(([, rows]) => rows.length > 1)
        .map(([of, rows]) => `${of} was told ${rows.length} times`),
    ],
  };
}

function gaps({ id, version }: Document, rows: OutboxRow[]): string[] {
  const versions = rows.toSorted((a, b) => Number(a.id) - Number(b.id)).map((row) => row.version);
  const gapless = versions.length === version && versions.every((one, index) => one === index + 1);
  return gapless ? [] : [`${id} has version ${version} and events ${versions.join(" ")}`];
}

type CloudEvent = { id: string; type: string; subject: string; version: number };

/** As a consumer reads it: what is not newer than the last seen of its document is dropped, and then nothing is missing. */
function judgeStream(run: JudgedState): Verdict {
  const { tables } = run;
  const violations = tooFewRelayKills(run);
  const ledger = new Map(tables.outbox.map((row) => [row.event_id, row]));
  const inStream = new Set<string>();
  const lastSeen = new Map<string, number>();
  const records = tables.stream_record.toSorted(
    (a, b) => a.partition - b.partition || Number(a.record_offset) - Number(b.record_offset),
  );
  for (const record of records) {
    const event = JSON.parse(record.value) as CloudEvent;
    const row = ledger.get(event.id);
    if (
      !row ||
      `${row.type}.v1` !== event.type ||
      row.version !== event.version ||
      row.topic !== record.topic ||
      row.document_id !== event.subject ||
      record.key !== event.subject
    )
      violations.push(`${event.type} of ${event.subject} is in the stream, but not so in the ledger`);
    inStream.add(event.id);
    if (record.topic !== "documents") continue;
    const last = lastSeen.get(record.key) ?? 0;
    if (event.version > last + 1)
      violations.push(`${event.subject} goes from version ${last} to ${event.version} in the stream`);
    lastSeen.set(record.key, Math.max(last, event.version));
  }
  for (const row of tables.outbox)
    if (!inStream.has(row.event_id))
      violations.push(`${row.type} of ${row.document_id} never reached the stream`);
  return {
    id: "P4",
    promise: "the stream has every event at least once, in order per document, and no phantom",
    looked: records.length,
    violations,
  };
}

/** Whatever is killed elsewhere shows nothing of an event that was published and is not marked yet. */
function tooFewRelayKills(run: JudgedState): string[] {
  const [kills, wanted] = [relayDeaths(run), run.demands?.relayKills ?? 0];
  return kills < wanted ? [`${kills} relays died between publish and mark, not ${wanted}`] : [];
}

/** Of each point that processors stand still at, half of an even share of all stops must have been had. */
function tooFewStops(run: JudgedState): string[] {
  const wanted = run.demands?.stops ?? 0;
  const stops = entriesOf(run, "stop").filter(({ isTaken }) => isTaken);
  const least = Math.floor(wanted / standingPoints.length / 2);
  const countOf = (at: string) => stops.filter(({ point }) => point === at).length;
  return [
    ...(stops.length < wanted
      ? [`${stops.length} processors stood still until others had what they held, not ${wanted}`]
      : []),
    ...standingPoints
      .filter((point) => countOf(point) < least)
      .map((point) => `${countOf(point)} processors stood still ${point}, not ${least}`),
  ];
}

function judgeTransitions(run: JudgedState): Verdict[] {
  const { tables } = run;
  const audits = groupBy(tables.audit, ({ subject }) => subject);
  const strayed: string[] = [];
  const stale: string[] = [];
  for (const document of tables.document) {
    const steps = (audits.get(document.id) ?? []).toSorted((a, b) => Number(a.id) - Number(b.id));
    strayed.push(...offTheGraph(document, steps));
    stale.push(...staleCommits(document, steps));
  }
  const claimed = tables.audit.filter(({ action }) => action === "document.claimed");
  const twice = groupBy(claimed, ({ detail }) => String(detail.token));
  for (const [token, rows] of twice) if (rows.length > 1) strayed.push(`token ${token} was given twice`);
  return [
    {
      id: "I8",
      promise: "every transition is an edge of the graph, tokens rise strictly",
      looked: tables.audit.length,
      violations: strayed,
    },
    {
      id: "P5",
      promise: "no commit under a token that somebody else has taken over",
      looked: claimed.length - new Set(claimed.map(({ subject }) => subject)).size,
      violations: [...stale, ...tooFewStops(run)],
    },
  ];
}

function offTheGraph(document: Document, steps: AuditRow[]): string[] {
  const faults: string[] = [];
  let [state, token] = ["", 0];
  for (const { action, detail } of steps) {
    if (detail.state === undefined) continue;
    const fits = state === "" ? detail.state === "granted" : graph[state]?.includes(detail.state);
    if (!fits) faults.push(`${document.id} went from ${state || "nothing"} to ${detail.state}`);
    state = detail.state;
    if (action !== "document.claimed") continue;
    if (Number(detail.token) <= token)
      faults.push(`${document.id} was claimed under ${detail.token} after ${token}`);
    token = Number(detail.token);
  }
  if (state !== document.state)
    faults.push(`${document.id} is ${document.state}, its audit ends with ${state}`);
  return faults;
}

/** Whoever settles a document holds the token of its last claim before. */
function staleCommits(document: Document, steps: AuditRow[]): string[] {
  const faults: string[] = [];
  let held = 0;
  for (const { action, detail } of steps) {
    if (action === "document.claimed") held = Number(detail.token);
    if (settling.has(action) && Number(detail.token) !== held)
      faults.push(`${document.id}: ${action} under token ${detail.token}, while ${held} held it`);
  }
  if (settling.has(`document.${document.state}`) && Number(document.lease_token) !== held)
    faults.push(`${document.id} bears token ${document.lease_token}, but ${held} claimed it last`);
  return faults;
}

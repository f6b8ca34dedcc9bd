import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { seal } from "@strongroom/core/document/sealing";
import { createEmbeddedKeys } from "@strongroom/core/embedded/keys";
import { afterAll, expect, test } from "vitest";
import { judge, verdictTable } from "./judge.ts";
import type { AuditRow, Document, Entry, JudgedRun, OutboxRow } from "./judged-run.ts";

const scratch = await mkdtemp(join(tmpdir(), "strongroom-judge-"));
afterAll(() => rm(scratch, { recursive: true }));
const keys = await createEmbeddedKeys({ directory: join(scratch, "keys") });
const rootKey = await readFile(keys.rootKeyPath, "utf8");

const [tenant, driver] = [randomUUID(), randomUUID()];
const [stored, rejected, waiting] = [randomUUID(), randomUUID(), randomUUID()];
const dumpedAt = Date.parse("2030-01-01T12:00:00.000Z");
const ago = (ms: number) => new Date(dumpedAt - ms).toISOString();
const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const page = (document: string) => Buffer.from(`page of ${document}`);
const stagingKey = (document: string) => `s/${tenant}/${document}/1/nonce`;
const vaultKey = (token: number) => `v/00/${tenant}/${stored}/${token}/original-1`;

/** A file of the object store. */
function objectFile(data: Uint8Array, modifiedAt = ago(30_000)): Buffer {
  const facts = Buffer.from(JSON.stringify({ modifiedAt }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(facts.length);
  return Buffer.concat([data, facts, length, Buffer.from("SRO1")]);
}

async function sealed(): Promise<{ data: Buffer; wrapped: string }> {
  const context = { app: "strongroom", tenant, document: stored, attempt: "7" };
  const { plaintext, wrapped } = await keys.generateDataKey(context);
  const sealing = seal(
    { tenantId: tenant, documentId: stored, artefact: "original-1", attempt: "7" },
    plaintext,
  );
  sealing.end(page(stored));
  return { data: await buffer(sealing), wrapped: `\\x${Buffer.from(wrapped).toString("hex")}` };
}
const { data, wrapped } = await sealed();

/** What a sound run leaves behind: one document stored, one rejected, one whose client left. */
function honestRun(): JudgedRun & { files: Map<string, Buffer> } {
  const files = new Map([
    [stagingKey(stored), objectFile(page(stored))],
    [stagingKey(rejected), objectFile(page(rejected))],
    [vaultKey(7), objectFile(data)],
  ]);
  return {
    dumpedAt,
    periods: {
      silence: 4_000,
      reconcile: 4_000,
      keepStored: 100_000,
      keepRejected: 700_000,
      keepExpired: 100_000,
      orphanGrace: 80_000,
      sweep: 240_000,
    },
    history: history(),
    tables: {
      document: [
        documentRow(stored, "stored", { lease_token: 7, version: 3 }),
        documentRow(rejected, "rejected", { lease_token: 6, version: 3, reason: "unsupported_type" }),
        documentRow(waiting, "granted", { received_at: null, settled_at: null, version: 1 }),
      ],
      document_file: [stored, rejected, waiting].map((document) => ({
        tenant_id: tenant,
        document_id: document,
        position: 1,
        size_bytes: page(document).length,
        sha256: hex(page(document)),
        staging_key: stagingKey(document),
        arrived_at: document === waiting ? null : ago(50_000),
      })),
      artefact: [
        {
          tenant_id: tenant,
          document_id: stored,
          name: "original-1",
          attempt: 7,
          size_bytes: page(stored).length,
          sha256: hex(page(stored)),
          sealed_size_bytes: data.length,
          sealed_sha256: hex(data),
          vault_key: vaultKey(7),
        },
      ],
      document_key: [{ tenant_id: tenant, document_id: stored, attempt: 7, wrapped }],
      ...facts(),
      device: [
        { tenant_id: tenant, user_id: driver, push_token: "live", dropped_at: null },
        { tenant_id: tenant, user_id: driver, push_token: "dead", dropped_at: ago(20_000) },
      ],
      push_inbox: [stored, rejected].map((document) => ({ token: "live", tag: `${document}.3` })),
      receipt: [{ tenant_id: tenant, document_id: stored, jws: "a.b.c" }],
    },
    rootKeys: [rootKey],
    get objectKeys() {
      return [...files.keys()];
    },
    files,
    readFile: (key) => {
      const file = files.get(key);
      if (!file) throw new Error(`there is no object ${key}`);
      return file;
    },
  };
}

function documentRow(id: string, state: string, more: Partial<Document>): Document {
  return {
    tenant_id: tenant,
    id,
    owner_id: driver,
    state,
    version: 1,
    reason: null,
    lease_token: null,
    created_at: ago(60_000),
    received_at: ago(50_000),
    settled_at: ago(40_000),
    staging_cleared_at: null,
    ...more,
  };
}

function facts() {
  const steps: [string, string, string, number, number?][] = [
    [stored, "upload.accepted", "granted", 1],
    [rejected, "upload.accepted", "granted", 1],
    [waiting, "upload.accepted", "granted", 1],
    [stored, "document.received", "received", 2],
    [rejected, "document.received", "received", 2],
    [stored, "document.claimed", "processing", 2, 5],
    [rejected, "document.claimed", "processing", 2, 6],
    [stored, "document.claimed", "processing", 2, 7],
    [rejected, "document.rejected", "rejected", 3, 6],
    [stored, "document.stored", "stored", 3, 7],
  ];
  const audit = steps.map(([subject, action, state, version, token], index): AuditRow => {
    const detail = { state, version, ...(token !== undefined && { token }) };
    return { tenant_id: tenant, id: index + 1, action, subject, sequence: index + 1, detail };
  });
  const events = steps.filter(([, action]) => action !== "document.claimed");
  const told = [stored, rejected].map((document): [string, string, string, number] => [
    document,
    "user.notified",
    "",
    3,
  ]);
  const outbox = [...events, ...told].map(([document, type, , version], index): OutboxRow => ({
    id: index + 1,
    event_id: randomUUID(),
    topic: type === "user.notified" ? "users" : "documents",
    type,
    document_id: document,
    version,
    published_at: ago(30_000),
  }));
  const stream = outbox.map((row, index) => ({
    topic: row.topic,
    partition: 0,
    record_offset: index,
    key: row.document_id,
    value: JSON.stringify({
      id: row.event_id,
      type: `${row.type}.v1`,
      subject: row.document_id,
      version: row.version,
    }),
  }));
  return { audit, outbox, stream_record: [...stream, { ...stream[0]!, record_offset: 99 }] };
}

function history(): Entry[] {
  const at = dumpedAt - 55_000;
  const of = (document: string, fate: "shown" | "rejected" | "never"): Entry[] => [
    {
      at,
      what: "planned",
      tenant,
      user: driver,
      document,
      fate,
      files: [{ position: 1, sha256: hex(page(document)), sizeBytes: page(document).length, requests: 1 }],
    },
    { at, what: "accept", document, outcome: "unknown", status: null, tookMs: 5 },
    { at, what: "accept", document, outcome: "ok", status: 201, tookMs: 5 },
  ];
  const sent = (document: string): Entry[] => [
    { at, what: "put", document, position: 1, request: 0, outcome: "ok", status: 200 },
    { at, what: "complete", document, outcome: "ok", status: 200 },
    { at, what: "seen", document, state: "processing", version: 2 },
  ];
  const shown = [
    { id: stored, state: "stored", reason: null },
    { id: rejected, state: "rejected", reason: "unsupported_type" },
  ];
  return [
    ...of(stored, "shown"),
    ...sent(stored),
    ...of(rejected, "rejected"),
    ...sent(rejected),
    ...of(waiting, "never"),
    { at, what: "device", tenant, user: driver, token: "live" },
    { at, what: "unregistered", token: "dead" },
    ...[stored, rejected].map((document): Entry => {
      return { at, what: "notice", token: "live", tag: `${document}.3`, fields: ["tag", "type"] };
    }),
    { at, what: "hostile", document: stored, attempt: "other bytes", status: 403 },
    { at, what: "hostile", document: stored, attempt: "no answer came", status: null },
    { at, what: "probe", status: 503, hasRetryAfter: true, tookMs: 1_900, controlMs: 10 },
    { at, what: "during", outage: "push", stored: 2 },
    { at, what: "quiet", tookMs: 900, limitMs: 8_000, slowness: 1 },
    { at, what: "listed", tenant, user: driver, documents: shown },
  ];
}

test("a sound run breaks no promise, and every promise was looked at", () => {
  const verdicts = judge(honestRun());
  expect(verdicts.flatMap(({ id, violations }) => violations.map((one) => `${id} ${one}`))).toEqual([]);
  expect(verdicts.filter(({ id, looked }) => looked === 0 && id !== "I4").map(({ id }) => id)).toEqual([]);
  expect(verdictTable(verdicts)).toMatch(/^held {4}I1 /);
});

type Run = ReturnType<typeof honestRun>;
const entry = (run: Run, what: Entry["what"], document?: string) =>
  run.history.find(
    (one) => one.what === what && (!document || ("document" in one && one.document === document)),
  )!;
const drop = <One>(from: One[], which: (one: One) => boolean) => from.splice(from.findIndex(which), 1);
const row = ({ tables }: Run, id: string) => tables.document.find((one) => one.id === id)!;
const set = <One extends object>(one: One, more: Partial<Record<string, unknown>>) =>
  void Object.assign(one, more);

const planted: [string, string, (run: Run) => unknown][] = [
  ["I1", "an acknowledged upload is lost", (run) => drop(run.tables.document, ({ id }) => id === stored)],
  ["I1", "an acknowledged upload never ends", (run) => set(row(run, stored), { state: "processing" })],
  ["I1", "an acknowledged upload is somebody else's", (run) => set(row(run, stored), { owner_id: tenant })],
  ["I1", "an honest photo was rejected", (run) => set(row(run, stored), { state: "rejected" })],
  ["I1", "an honest photo has no preview", (run) => set(row(run, stored), { reason: "no_preview_broken" })],
  [
    "I1",
    "nothing was sent, yet it was acknowledged",
    (run) => drop(run.history, (one) => one.what === "put"),
  ],
  [
    "I1",
    "all was sent, and nobody looked",
    (run) => {
      set(row(run, rejected), { state: "granted" });
      drop(run.history, (one) => one.what === "complete" && one.document === rejected);
      drop(run.history, (one) => one.what === "seen" && one.document === rejected);
    },
  ],
  [
    "I3",
    "one id has two rows",
    (run) => run.tables.document.push({ ...row(run, stored), tenant_id: driver }),
  ],
  [
    "I3",
    "a document was stored twice",
    (run) =>
      run.tables.outbox.push({
        ...run.tables.outbox.find(({ type }) => type === "document.stored")!,
        id: 99,
      }),
  ],
  ["I3", "a document has two receipts", (run) => run.tables.receipt.push(run.tables.receipt[0]!)],
  [
    "I4",
    "a document is there that nobody asked for",
    (run) => run.tables.document.push({ ...row(run, waiting), id: randomUUID() }),
  ],
  [
    "I4",
    "a refused document is there",
    (run) => {
      drop(
        run.history,
        (one) => one.what === "accept" && one.document === waiting && one.outcome === "unknown",
      );
      set(entry(run, "accept", waiting), { outcome: "refused" });
    },
  ],
  ["quiet", "it did not come to rest", (run) => set(entry(run, "quiet"), { tookMs: null })],
  ["quiet", "it came to rest too late", (run) => set(entry(run, "quiet"), { tookMs: 9_000 })],
  ["I2", "a vault object is gone", (run) => run.files.delete(vaultKey(7))],
  ["I2", "a bit of a vault object differs", (run) => (run.files.get(vaultKey(7))![40]! ^= 1)],
  [
    "I2",
    "a vault object is cut",
    (run) => run.files.set(vaultKey(7), run.files.get(vaultKey(7))!.subarray(0, 90)),
  ],
  ["I2", "the key is lost", (run) => (run.tables.document_key = [])],
  [
    "I2",
    "the key is of another document",
    (run) => set(run.tables.document_key[0]!, { wrapped: `\\x${"01".repeat(77)}` }),
  ],
  ["I2", "an artefact is of another attempt", (run) => set(run.tables.artefact[0]!, { attempt: 5 })],
  ["I2", "the artefact is another document's", (run) => set(run.tables.artefact[0]!, { name: "page-1" })],
  ["I2", "the manifest names other bytes", (run) => set(run.tables.artefact[0]!, { sha256: hex(data) })],
  [
    "I2",
    "a rejected document has artefacts",
    (run) => run.tables.artefact.push({ ...run.tables.artefact[0]!, document_id: rejected }),
  ],
  [
    "P2",
    "what is stored is not what was uploaded",
    (run) => {
      const planned = entry(run, "planned", stored);
      if (planned.what === "planned") planned.files[0]!.sha256 = hex(page("another"));
    },
  ],
  ["P2", "an original is not stored", (run) => (run.tables.artefact = [])],
  ["I5", "an orphan outlives its time", (run) => run.files.set(vaultKey(5), objectFile(data, ago(400_000)))],
  ["I6", "staging was not cleared", (run) => set(row(run, stored), { settled_at: ago(150_000) })],
  [
    "I6",
    "staging was cleared before its time",
    (run) => {
      set(row(run, stored), { staging_cleared_at: ago(30_000) });
      run.files.delete(stagingKey(stored));
    },
  ],
  ["I6", "a page that arrived is gone", (run) => run.files.delete(stagingKey(rejected))],
  ["I6", "a page was overwritten", (run) => run.files.set(stagingKey(stored), objectFile(page("other")))],
  [
    "I6",
    "a page of nobody lies there for long",
    (run) => run.files.set("s/x/y/z/n", objectFile(data, ago(900_000))),
  ],
  ["P6", "a hostile upload got through", (run) => set(entry(run, "hostile"), { status: 200 })],
  ["P6", "a hostile upload broke the server", (run) => set(entry(run, "hostile"), { status: 500 })],
  [
    "I7",
    "an event is missing in the ledger",
    (run) => drop(run.tables.outbox, ({ type }) => type === "document.received"),
  ],
  ["I7", "an event is not published", (run) => set(run.tables.outbox[0]!, { published_at: null })],
  [
    "I7",
    "a person was told twice",
    (run) =>
      run.tables.outbox.push({ ...run.tables.outbox.find(({ type }) => type === "user.notified")!, id: 99 }),
  ],
  [
    "P4",
    "an event never reached the stream",
    (run) =>
      (run.tables.stream_record = run.tables.stream_record.filter(
        ({ value }) => !value.includes("document.received"),
      )),
  ],
  [
    "P4",
    "a phantom is in the stream",
    (run) =>
      run.tables.stream_record.push({
        ...run.tables.stream_record[0]!,
        value: run.tables.stream_record[0]!.value.replace(/"id":"[^"]+"/, `"id":"${randomUUID()}"`),
      }),
  ],
  [
    "P4",
    "the stream has lost the order",
    (run) => {
      const [received] = drop(run.tables.stream_record, ({ value }) => value.includes("document.received"));
      run.tables.stream_record.push({ ...received!, record_offset: 50 });
    },
  ],
  [
    "I8",
    "a step is no edge of the graph",
    (run) => (run.tables.audit = run.tables.audit.filter(({ action }) => action !== "document.claimed")),
  ],
  ["I8", "a token fell", (run) => set(run.tables.audit[7]!.detail, { token: 4 })],
  ["I8", "a token was given twice", (run) => set(run.tables.audit[6]!.detail, { token: 5 })],
  ["I8", "row and audit differ", (run) => set(row(run, waiting), { state: "expired" })],
  ["P5", "a zombie committed", (run) => set(run.tables.audit[9]!.detail, { token: 5 })],
  ["P5", "a row bears a token that was taken over", (run) => set(row(run, stored), { lease_token: 5 })],
  ["audit", "an audit entry is not numbered", (run) => set(run.tables.audit[2]!, { sequence: null })],
  ["I9", "a failure has no reason", (run) => set(row(run, rejected), { reason: null })],
  [
    "I9",
    "a failure is not in its owner's list",
    (run) => {
      const listed = entry(run, "listed");
      if (listed.what === "listed") listed.documents.pop();
    },
  ],
  [
    "I9",
    "nobody was told of a failure",
    (run) => drop(run.tables.push_inbox, ({ tag }) => tag.startsWith(rejected)),
  ],
  [
    "P14",
    "a living token got nothing",
    (run) => drop(run.tables.push_inbox, ({ tag }) => tag.startsWith(stored)),
  ],
  [
    "P14",
    "a token got what is not its own",
    (run) => run.tables.push_inbox.push({ token: "live", tag: `${waiting}.1` }),
  ],
  ["P14", "a living token was dropped", (run) => set(run.tables.device[0]!, { dropped_at: ago(1) })],
  [
    "P14",
    "a notice tells what the document says",
    (run) => set(entry(run, "notice"), { fields: ["tag", "text"] }),
  ],
  ["P14", "the phone never heard it", (run) => drop(run.history, (one) => one.what === "notice")],
  ["P9", "a grant took too long", (run) => set(entry(run, "probe"), { tookMs: 2_500 })],
  ["P9", "a 503 does not say when to come back", (run) => set(entry(run, "probe"), { hasRetryAfter: false })],
  ["P9", "a grant got no answer", (run) => set(entry(run, "probe"), { status: null })],
  ["P9b", "nothing was stored while push was down", (run) => set(entry(run, "during"), { stored: 0 })],
];

test.each(planted)("%s is broken when %s", (id, _title, plant) => {
  const run = honestRun();
  plant(run);
  const broken = judge(run).filter(({ violations }) => violations.length > 0);
  expect(broken.map((verdict) => verdict.id)).toContain(id);
});

test("a document whose outcome is unknown may be there, or not", () => {
  for (const isThere of [true, false]) {
    const run = honestRun();
    drop(run.history, (one) => one.what === "accept" && one.document === waiting && one.outcome === "ok");
    if (!isThere) {
      drop(run.tables.document, ({ id }) => id === waiting);
      drop(run.tables.document_file, ({ document_id }) => document_id === waiting);
      for (const table of [run.tables.outbox, run.tables.stream_record] as {
        document_id?: string;
        key?: string;
      }[][])
        while (table.some((one) => one.document_id === waiting || one.key === waiting))
          drop(table, (one) => one.document_id === waiting || one.key === waiting);
      for (const one of run.tables.audit.filter(({ subject }) => subject === waiting))
        set(one, { subject: stored });
      drop(run.tables.audit, ({ id }) => id === 3);
      for (const [index, one] of run.tables.audit.entries()) set(one, { sequence: index + 1 });
    }
    expect(judge(run).filter(({ violations }) => violations.length > 0)).toEqual([]);
  }
});

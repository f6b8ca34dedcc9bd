import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { drop, entry, isRelayKill, leave, type Run, row, set } from "../chaos/change-run.ts";
import {
  ago,
  driver,
  hex,
  page,
  rejected,
  stagingKey,
  stored,
  tenant,
  waiting,
} from "../chaos/honest-names.ts";
import {
  chained,
  checkpoint,
  checkpointOver,
  data,
  honestRun,
  objectFile,
  receipt,
  receiptOf,
  vaultKey,
} from "../chaos/honest-run.ts";
import { hostileFamilies, standingPoints } from "./demands.ts";
import { holds, judge, verdictTable } from "./judge.ts";
import type { Entry } from "./judged-run.ts";

const receiptOfOtherBytes = await receiptOf(stored, { bytes: page("another") });
const receiptOfOtherDocument = await receiptOf(rejected);
const receiptOfLostCheckpoint = await receiptOf(stored, { checkpointSha: hex(page("none")) });

test("a sound run breaks no promise, and every promise was looked at", () => {
  const verdicts = judge(honestRun());
  expect(verdicts.flatMap(({ id, violations }) => violations.map((one) => `${id} ${one}`))).toEqual([]);
  expect(verdicts.filter((verdict) => !holds(verdict)).map(({ id }) => id)).toEqual([]);
  expect(verdictTable(verdicts)).toMatch(/^held {8}I1 /);
});

test("a promise for which there was nothing to look at does not hold", () => {
  const run = honestRun();
  run.history = run.history.filter(({ what }) => what !== "probe" && what !== "injury");
  const probed = judge(run).find(({ id }) => id === "P9")!;
  expect(probed).toMatchObject({ looked: 0, violations: [] });
  expect(holds(probed)).toBe(false);
  expect(verdictTable([probed])).toMatch(/^BROKEN /);
});

/** The same statement under a signature that is another in one letter. */
function otherSignature({ jws }: { jws: string }): string {
  const at = jws.lastIndexOf(".") + 10;
  return `${jws.slice(0, at)}${jws[at] === "A" ? "B" : "A"}${jws.slice(at + 1)}`;
}

const planted: [string, string, (run: Run) => unknown][] = [
  ["I1", "an acknowledged upload is lost", (run) => drop(run.tables.document, ({ id }) => id === stored)],
  ["I1", "an acknowledged upload never ends", (run) => set(row(run, stored), { state: "processing" })],
  ["I1", "an acknowledged upload is somebody else's", (run) => set(row(run, stored), { owner_id: tenant })],
  ["I1", "an honest photo was rejected", (run) => set(row(run, stored), { state: "rejected" })],
  ["I1", "an honest photo has no preview", (run) => set(row(run, stored), { reason: "no_preview_broken" })],
  [
    "I1",
    "an honest photo was rejected whose client had died when all was sent",
    (run) => {
      leave(run, stored);
      set(row(run, stored), { state: "rejected" });
    },
  ],
  [
    "I1",
    "nothing was sent, yet it was acknowledged",
    (run) => drop(run.history, (one) => one.what === "put"),
  ],
  [
    "I1",
    "all was sent, and nobody looked",
    (run) => {
      leave(run, rejected);
      set(row(run, rejected), { state: "granted" });
    },
  ],
  [
    "I1",
    "all was sent, and it expired",
    (run) => {
      leave(run, rejected);
      set(row(run, rejected), { state: "expired" });
    },
  ],
  [
    "I1",
    "a grant is lost that nobody used",
    (run) => {
      set(entry(run, "accept", waiting), { outcome: "ok" });
      drop(run.tables.document, ({ id }) => id === waiting);
    },
  ],
  ["I1", "what was redriven failed again", (run) => set(row(run, rejected), { state: "failed" })],
  ["I1", "what was redriven did not get on", (run) => set(row(run, rejected), { state: "received" })],
  [
    "I1",
    "a failed document was not redriven",
    (run) => {
      drop(run.history, ({ what }) => what === "redriven");
      set(row(run, rejected), { state: "failed" });
    },
  ],
  ["I1", "a grant that nobody used failed", (run) => set(row(run, waiting), { state: "failed" })],
  ["I1", "a redrive was refused", (run) => set(entry(run, "redriven"), { outcome: "refused", status: 409 })],
  ["I1", "a document was redriven twice", (run) => run.history.push({ ...entry(run, "redriven") })],
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
  ["I2", "a page has no thumbnail", (run) => drop(run.tables.artefact, ({ name }) => name === "thumbnail-1")],
  [
    "I2",
    "nothing is shown of an honest photo",
    (run) => (run.tables.artefact = run.tables.artefact.filter(({ name }) => name === "original-1")),
  ],
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
  ...hostileFamilies.flatMap((family): typeof planted => {
    const tried = (one: Entry) => one.what === "hostile" && one.family === family;
    return [
      [
        "P6",
        `nobody tried an upload: ${family}`,
        (run) => (run.history = run.history.filter((one) => !tried(one))),
      ],
      ["P6", `an upload had no answer: ${family}`, (run) => set(run.history.find(tried)!, { status: null })],
      ...[401, 404, 429].map((status): (typeof planted)[number] => [
        "P6",
        `an upload was refused with ${status} for something else: ${family}`,
        (run) => set(run.history.find(tried)!, { status }),
      ]),
    ];
  }),
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
    "a relay was killed elsewhere",
    (run) =>
      set(
        run.history.find((one) => one.what === "injury" && one.kind.startsWith("kill relay"))!,
        {
          struck: false,
        },
      ),
  ],
  ["P4", "a relay was not killed", (run) => drop(run.history, isRelayKill)],
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
  ["P5", "a processor that stood still lost nothing", (run) => set(entry(run, "stop"), { isTaken: false })],
  ["P5", "a processor did not stand still", (run) => drop(run.history, ({ what }) => what === "stop")],
  ...standingPoints.map((point): (typeof planted)[number] => [
    "P5",
    `no processor stood still ${point}`,
    (run) => {
      const others = run.history.flatMap((one) => (one.what === "stop" && one.point !== point ? one : []));
      run.history = run.history.filter((one) => one.what !== "stop" || one.point !== point);
      run.history.push(...others.slice(0, 2));
    },
  ]),
  ["P5", "a zombie committed", (run) => set(run.tables.audit[9]!.detail, { token: 5 })],
  ["P5", "a row bears a token that was taken over", (run) => set(row(run, stored), { lease_token: 5 })],
  ["P2b", "a stored document has no receipt", (run) => (run.tables.receipt = [])],
  ["P2b", "a stored document has two", (run) => run.tables.receipt.push(run.tables.receipt[0]!)],
  [
    "P2b",
    "a rejected document has one",
    (run) => run.tables.receipt.push({ ...run.tables.receipt[0]!, document_id: rejected }),
  ],
  [
    "P2b",
    "its signature was changed",
    (run) => set(run.tables.receipt[0]!, { jws: otherSignature(receipt) }),
  ],
  ["P2b", "the key that signed it is not published", (run) => set(entry(run, "keys"), { keys: [] })],
  ["P2b", "it lists other originals", (run) => set(run.tables.receipt[0]!, { jws: receiptOfOtherBytes.jws })],
  [
    "P2b",
    "it is another document's",
    (run) => set(run.tables.receipt[0]!, { jws: receiptOfOtherDocument.jws }),
  ],
  [
    "P2b",
    "it names a checkpoint that is nowhere",
    (run) => set(run.tables.receipt[0]!, { jws: receiptOfLostCheckpoint.jws }),
  ],
  ["P12", "an audit entry is not chained", (run) => set(run.tables.audit[2]!, { sequence: null })],
  ["P12", "no checkpoint came for long", (run) => set(run, { dumpedAt: run.dumpedAt + 600_000 })],
  ["P12", "an audit entry was edited", (run) => set(run.tables.audit[3]!, { actor: "somebody else" })],
  ["P12", "an audit entry is gone", (run) => drop(run.tables.audit, ({ sequence }) => sequence === 4)],
  ["P12", "the tail of the audit was cut", (run) => run.tables.audit.pop()],
  [
    "P12",
    "the whole trail was written anew",
    (run) => {
      set(run.tables.audit[3]!, { actor: "somebody else" });
      run.tables.audit = chained(run.tables.audit);
      set(run.tables.audit_head[0]!, { hash: run.tables.audit.at(-1)!.hash });
    },
  ],
  ["P12", "a checkpoint left the vault", (run) => run.files.delete("v/checkpoints/000000000001")],
  [
    "P12",
    "a checkpoint was signed by nobody",
    (run) => run.files.set("v/checkpoints/000000000001", objectFile(Buffer.from(otherSignature(checkpoint)))),
  ],
  [
    "P12b",
    "a fact has no line",
    (run) => {
      drop(run.tables.audit, ({ action }) => action === "user.notified");
      run.tables.audit = chained(run.tables.audit);
    },
  ],
  ["P12b", "a fact has two lines", (run) => run.tables.audit.push({ ...run.tables.audit[9]!, id: 99 })],
  [
    "P12b",
    "artefacts are of an attempt without a line",
    (run) => set(run.tables.artefact[0]!, { attempt: 4 }),
  ],
  ["P12b", "a phone is registered without a line", (run) => set(run.tables.device[0]!, { id: driver })],
];

test.each(planted)("%s is broken when %s", (id, _title, plant) => {
  const run = honestRun();
  plant(run);
  const broken = judge(run).filter(({ violations }) => violations.length > 0);
  expect(broken.map((verdict) => verdict.id)).toContain(id);
});

test("a redrive whose first answer was lost may be refused the second time: it was sent its way", () => {
  const run = honestRun();
  set(entry(run, "redriven"), { outcome: "refused", status: 409, tries: 2 });
  expect(judge(run).filter(({ violations }) => violations.length > 0)).toEqual([]);
});

test("a document whose outcome is unknown may be there, or not", async () => {
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
      drop(run.tables.audit, ({ subject }) => subject === waiting);
      run.tables.audit = chained(run.tables.audit);
      const { sequence, hash } = run.tables.audit.at(-1)!;
      set(run.tables.audit_head[0]!, { sequence, hash });
      const over = await checkpointOver(run.tables.audit, 5);
      run.tables.audit_checkpoint = [over];
      run.files.set("v/checkpoints/000000000001", objectFile(Buffer.from(over.jws)));
      run.tables.receipt = [await receiptOf(stored, { checkpointSha: over.sha256 })];
    }
    expect(judge(run).filter(({ violations }) => violations.length > 0)).toEqual([]);
  }
});

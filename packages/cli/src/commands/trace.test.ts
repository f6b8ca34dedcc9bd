import { expect, test } from "vitest";
import { DocumentView } from "@strongroom/core/api-shapes";
import { createDocument, viewOf } from "../stand-in-document.ts";
import { startStandInServer } from "../stand-in-server.ts";
import { makeHome, runCommand } from "../stand-in-terminal.ts";
import { describeTrace, traceDocument } from "./trace.ts";

const file = { name: "a.jpg", mediaType: "image/jpeg", sizeBytes: 8, sha256: "0".repeat(64) };
const timeline = [
  { at: "2025-11-20T14:01:31.500Z", action: "document.processing" },
  { at: "2025-11-20T14:00:00.000Z", action: "upload.accepted" },
  { at: "2025-11-20T14:00:01.500Z", action: "document.received" },
];

/** A document of two pages that last changed at 14:01:31.5. */
function documentIn(state: DocumentView["state"]): DocumentView {
  const made = createDocument({
    id: "0198f1c2-7b2a-7cc3-9d4e-111111111111",
    kind: "cmr",
    files: [file, file],
  });
  return DocumentView.parse({ ...viewOf(made), state, timeline, changedAt: timeline[0]!.at });
}

test("a trace tells the time between the steps, the longest of them, and what is waited for", () => {
  const document = documentIn("processing");
  const traced = traceDocument(document, new Date("2025-11-20T14:01:35.000Z"));
  expect(traced).toMatchObject({
    totalMs: 91_500,
    waitingMs: 3_500,
    waitingFor: "the worker that has it, or the next one when its lease is over",
    steps: [{ action: "upload.accepted", afterMs: null }, { afterMs: 1_500 }, { afterMs: 90_000 }],
  });
  const lines = describeTrace(traced, document);
  expect(lines[3]).toMatch(/\.500 +\+1\.5 s  document\.received$/);
  expect(lines[4]).toMatch(/\+1 min 30 s  document\.processing +longest$/);
  expect(lines[5]).toBe(
    "waits since 3.5 s for the worker that has it, or the next one when its lease is over",
  );
});

test("what happens to a settled document is told, and is no part of the way there", () => {
  const settled = {
    ...documentIn("stored"),
    createdAt: "2025-11-20T14:00:00.000Z",
    settledAt: "2025-11-20T14:01:44.000Z",
    timeline: [
      ...timeline,
      { at: "2025-11-20T14:01:44.001Z", action: "document.stored" },
      { at: "2025-11-20T14:22:09.000Z", action: "document.held" },
    ],
  };
  const traced = traceDocument(settled, new Date("2025-11-20T15:00:00.000Z"));
  expect(traced).toMatchObject({ totalMs: 104_000, waitingFor: null });
  const lines = describeTrace(traced, settled);
  expect(lines[4]).toMatch(/\+1 min 30 s  document\.processing +longest$/);
  expect(lines[6]).toMatch(/\+20 min 25 s  document\.held$/);
  expect(lines[7]).toBe("settled: stored, after 1 min 44 s");
});

test("a way that is longer than the timeline has its length, and no longest step", () => {
  const read = [
    { at: "2025-11-20T14:22:09.000Z", action: "document.read" },
    { at: "2025-11-20T14:22:10.000Z", action: "document.read" },
    { at: "2025-11-20T14:22:12.000Z", action: "document.read" },
  ];
  const times = { createdAt: "2025-11-20T14:00:00.000Z", settledAt: "2025-11-20T14:01:44.000Z" };
  const settled = { ...documentIn("stored"), ...times, timeline: read };
  const traced = traceDocument(settled, new Date());
  expect(traced.totalMs).toBe(104_000);
  expect(describeTrace(traced, settled).join("\n")).not.toContain("longest");
});

test.each([
  ["granted", "the sender: pages 1, 2 of 2 are missing"],
  ["received", "a worker to take it"],
  ["restoring", "the archive to bring it back"],
  ["stored", null],
  ["failed", null],
  ["expired", null],
] as const)("a document that is %s waits for %s", (state, waitingFor) => {
  expect(traceDocument(documentIn(state), new Date()).waitingFor).toBe(waitingFor);
});

test("the command answers with the same, for people and for machines", async () => {
  const [server, home] = [await startStandInServer(), await makeHome()];
  const run = (...argv: string[]) => runCommand(argv, { home: home.path, as: server });
  try {
    await run("upload", await home.file("a.jpg", "page one"), "--kind", "cmr", "--wait");
    const [id] = [...server.documents.keys()];
    expect((await run("trace", id!)).stdout).toMatch(/settled: stored, after \d/);
    expect(JSON.parse((await run("trace", id!, "--json")).stdout)).toMatchObject({
      documentId: id,
      state: "stored",
      waitingFor: null,
    });
  } finally {
    await server.close();
    await home.remove();
  }
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@strongroom/cli/client";
import { declareFiles, type LocalFile } from "@strongroom/cli/declare-files";
import { downloadArtefact } from "@strongroom/cli/download-artefact";
import { isSettled } from "@strongroom/cli/follow-document";
import { ApiProblem } from "@strongroom/cli/problems";
import { uploadDocument } from "@strongroom/cli/upload-document";
import type { DocumentSummary, DocumentView } from "@strongroom/core/api-shapes";
import { verifyReceipt } from "@strongroom/core/receipt/verify-receipt";
import type { DemoOrder } from "./demo-orders.ts";

/** What became of one document: as the API tells it, and as we checked it ourselves. */
export type DemoResult = {
  demo: DemoOrder;
  state: string;
  document: DocumentView | null;
  reason: string | null;
  detail: string | null;
  confirmationCode: string | null;
  /** From the first request to the last change. */
  tookMs: number;
  sentBytes: number;
  /** Refused when it was announced: the system never had it. */
  refusedAtTheDoor: boolean;
  /** What did not hold; empty when everything did. */
  faults: string[];
};

/** Told whenever a document changes its state, and of its bytes while it is being sent. */
export type OnState = (
  demo: DemoOrder,
  state: string,
  sent?: { sentBytes: number; totalBytes: number },
) => void;

const uploadsAtOnce = 4;

/** Sends every order as its driver, follows each to where it ends, then reads back and verifies all that is stored. */
export async function runOrders(
  clients: Client[],
  orders: DemoOrder[],
  onState: OnState,
): Promise<DemoResult[]> {
  const first = orders.filter(({ afterAll }) => !afterAll);
  const last = orders.filter(({ afterAll }) => afterAll);
  const results = [...(await runBatch(clients, first, onState)), ...(await runBatch(clients, last, onState))];
  const scratch = await mkdtemp(join(tmpdir(), "strongroom-demo-"));
  try {
    await atOnce(results, 2, (result) => verify(clients[result.demo.driver]!, result, scratch, onState));
  } finally {
    await rm(scratch, { recursive: true });
  }
  return results;
}

async function runBatch(clients: Client[], orders: DemoOrder[], onState: OnState): Promise<DemoResult[]> {
  const follower = followAll(clients);
  try {
    return await atOnce(orders, uploadsAtOnce * clients.length, (demo) =>
      runOrder(clients[demo.driver]!, demo, follower, onState),
    );
  } finally {
    follower.stop();
  }
}

async function runOrder(
  client: Client,
  demo: DemoOrder,
  follower: Follower,
  onState: OnState,
): Promise<DemoResult> {
  const startedMs = performance.now();
  const declared = await declareFiles(demo.order.paths);
  const sentBytes = declared.reduce((sum, { declaration }) => sum + declaration.sizeBytes, 0);
  const result: DemoResult = {
    demo,
    state: "sending",
    document: null,
    reason: null,
    detail: null,
    confirmationCode: null,
    tookMs: 0,
    sentBytes,
    refusedAtTheDoor: false,
    faults: [],
  };
  try {
    onState(demo, "sending");
    const onProgress = (sent: { sentBytes: number; totalBytes: number }) => onState(demo, "sending", sent);
    const uploaded = await uploadDocument(client, { ...demo.order, declared }, { onProgress });
    onState(demo, uploaded.state);
    const settled = await follower.settled(demo.order.id, (state) => onState(demo, state));
    const { state, reason, detail, confirmationCode } = settled;
    Object.assign(result, { state, reason, detail, confirmationCode });
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    const isRefused = error.problem.status < 500;
    Object.assign(result, {
      state: isRefused ? "rejected" : "unsent",
      reason: error.code,
      detail: error.message,
      refusedAtTheDoor: isRefused,
    });
  }
  result.tookMs = performance.now() - startedMs;
  onState(demo, result.state);
  return result;
}

async function verify(client: Client, result: DemoResult, scratch: string, onState: OnState): Promise<void> {
  const { demo } = result;
  if (result.state !== "stored" && result.state !== "rejected") result.faults.push(`ended ${result.state}`);
  if (result.state !== "stored" && result.reason === null) result.faults.push("has no reason");
  if (result.state === "stored") await verifyStored(client, result, scratch);
  result.faults.push(...compare(result));
  onState(demo, result.faults.length === 0 ? "verified" : "NOT AS IT SHOULD BE");
}

/** Every original comes back bit for bit, and the receipt names exactly these files, checked without asking the server. */
async function verifyStored(client: Client, result: DemoResult, scratch: string): Promise<void> {
  const { id, paths } = result.demo.order;
  const { document } = await client.call("showDocument", { params: { id } });
  result.document = document;
  const files = await declareFiles(paths);
  for (const [index, file] of files.entries()) {
    const artefact = document.artefacts.find(({ name }) => name === `original-${index + 1}`);
    if (!artefact) result.faults.push(`original ${index + 1} is not there`);
    else if (!(await comesBack(client, id, artefact, file, scratch)))
      result.faults.push(`original ${index + 1} came back changed`);
  }
  const jws = await client.call("readReceipt", { params: { id } });
  const keys = await client.call("receiptKeys", {});
  const check = await verifyReceipt(
    jws,
    keys,
    files.map(({ declaration }) => ({ sha256: declaration.sha256, sizeBytes: declaration.sizeBytes })),
  );
  if (check.outcome !== "valid") result.faults.push(`receipt: ${check.reason}`);
}

async function comesBack(
  client: Client,
  id: string,
  artefact: DocumentView["artefacts"][number],
  file: LocalFile,
  scratch: string,
): Promise<boolean> {
  const path = join(scratch, `${id}-${artefact.name}`);
  await downloadArtefact(client, id, artefact, path, new AbortController().signal);
  const [back] = await declareFiles([path]);
  await rm(path);
  return back!.declaration.sha256 === file.declaration.sha256;
}

function compare({ demo: { expected }, state, reason, document }: DemoResult): string[] {
  if (!expected) return [];
  const faults: string[] = [];
  if (state !== expected.state) faults.push(`is ${state}, should be ${expected.state}`);
  if (expected.reason && reason !== expected.reason)
    faults.push(`reason is ${reason}, should be ${expected.reason}`);
  if (expected.pages && document?.pageCount !== expected.pages)
    faults.push(`has ${document?.pageCount} pages, should have ${expected.pages}`);
  const verdicts = document?.legibility?.flatMap((page) => page.reasons) ?? [];
  if (expected.verdict && !verdicts.some((verdict) => verdict === expected.verdict))
    faults.push(`should be found ${expected.verdict}`);
  if (expected.isDuplicate && !document?.duplicate) faults.push("should be known as a duplicate");
  return faults;
}

type Follower = {
  settled(id: string, onState: (state: string) => void): Promise<DocumentSummary>;
  stop(): void;
};

/** One poll per driver for all of their documents, as a live view does it: what changed since the last answer. */
function followAll(clients: Client[]): Follower {
  const waiting = new Map<string, (summary: DocumentSummary) => void>();
  const stop = new AbortController();
  for (const client of clients) void poll(client, waiting, stop.signal);
  return {
    settled: (id, onState) =>
      new Promise((resolve) => {
        let state = "";
        waiting.set(id, (summary) => {
          if (summary.state !== state) onState((state = summary.state));
          if (!isSettled(summary)) return;
          waiting.delete(id);
          resolve(summary);
        });
      }),
    stop: () => stop.abort(),
  };
}

async function poll(
  client: Client,
  waiting: Map<string, (summary: DocumentSummary) => void>,
  stop: AbortSignal,
): Promise<void> {
  let since = new Date(0).toISOString();
  while (!stop.aborted) {
    const asked = new Date().toISOString();
    for (let cursor: string | null = null; ;) {
      const page: { documents: DocumentSummary[]; nextCursor: string | null } = await client.call(
        "listDocuments",
        {
          query: { changedSince: since, limit: 100, ...(cursor && { cursor }) },
        },
      );
      for (const summary of page.documents) waiting.get(summary.id)?.(summary);
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    since = asked;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** Runs `work` over all items, at most `limit` at once; answers in the order of the items. */
async function atOnce<In, Out>(items: In[], limit: number, work: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  const left = items.entries();
  const hand = async () => {
    for (const [index, item] of left) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, hand));
  return results;
}

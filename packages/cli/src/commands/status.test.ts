import { afterEach, beforeEach, expect, test } from "vitest";
import { DocumentSummary, DocumentView } from "@strongroom/core/api-shapes";
import { type StandIn, startStandInServer } from "../stand-in-server.ts";
import { impatience, makeHome, runCommand } from "../stand-in-terminal.ts";

let server: StandIn;
let home: Awaited<ReturnType<typeof makeHome>>;
beforeEach(async () => {
  server = await startStandInServer();
  home = await makeHome();
});
afterEach(async () => {
  await server.close();
  await home.remove();
});

const run = (...argv: string[]) => runCommand(argv, { home: home.path, as: server });
const ids = () => [...server.documents.keys()];
async function upload(...more: string[]): Promise<string> {
  await run(
    "upload",
    await home.file(`${server.documents.size}.jpg`, `page ${server.documents.size}`),
    ...more,
  );
  return ids().at(-1)!;
}

test("the list has a line per document, newest first, and says that there are more", async () => {
  for (const load of ["1", "2", "3"]) await upload("--kind", "cmr", "--load", load);
  const { stdout } = await run("status");
  const lines = stdout.split("\n");
  expect(lines[0]).toMatch(/^document +kind +load +pages +state +code/);
  expect(lines[1]).toMatch(new RegExp(`^${ids()[2]}  cmr +3 +received +ACDE-FGHJ$`));
  expect(lines[3]).toBe("There are more: narrow it down, or use --all.");
});

test("--all follows every page of the list, and --json has the contract's shape", async () => {
  for (const load of ["1", "2", "3"]) await upload("--kind", "cmr", "--load", load);
  const { documents, complete } = JSON.parse((await run("status", "--all", "--json")).stdout);
  expect(complete).toBe(true);
  expect(
    DocumentSummary.array()
      .parse(documents)
      .map(({ id }) => id),
  ).toEqual(ids().toReversed());
  expect(JSON.parse((await run("status", "--json")).stdout)).toMatchObject({ complete: false });
});

test("filters reach the server", async () => {
  await upload("--kind", "cmr");
  const pod = await upload("--kind", "pod", "--wait");
  const { documents } = JSON.parse(
    (await run("status", "--kind", "pod", "--state", "stored", "--json")).stdout,
  );
  expect(documents.map(({ id }: { id: string }) => id)).toEqual([pod]);
  expect((await run("status", "--state", "stored", "--kind", "none")).stdout).toBe("No documents.\n");
});

test("a document is found by the code that was read out over the phone", async () => {
  const id = await upload("--kind", "cmr", "--wait");
  const { documents } = JSON.parse((await run("status", "--code", "acde fghj", "--json")).stdout);
  expect(documents.map((one: { id: string }) => one.id)).toEqual([id]);
  expect((await run("status", "--code", "63RJ-JMKX")).stdout).toBe("No documents.\n");
  expect((await run("status", id, "--code", "63RJ-JMKX")).code).toBe(2);
});

test("one document is shown in full: state, reason, pages and timeline", async () => {
  server.outcome = {
    state: "rejected",
    reason: "unsupported_type",
    detail: "Page 1 is a GIF.",
    legibility: [],
  };
  const id = await upload("--kind", "cmr", "--load", "4711", "--wait");
  const { stdout } = await run("status", id);
  for (const text of [
    "refused: Page 1 is a GIF",
    "unsupported_type",
    "ACDE-FGHJ",
    "4711",
    "0.jpg",
    "document.rejected",
  ])
    expect(stdout).toContain(text);
  expect(DocumentView.parse(JSON.parse((await run("status", id, "--json")).stdout).document).state).toBe(
    "rejected",
  );
});

test("a page that has not arrived is named", async () => {
  server.faults.put = [{ kind: "status", status: 400 }];
  await run("upload", await home.file("a.jpg", "one"), "--kind", "cmr");
  expect((await run("status", ids()[0]!)).stdout).toContain("page 1 of 1 is missing");
});

test("--follow tells each step of a document until it is settled", async () => {
  const id = await upload("--kind", "cmr");
  const { code, stdout, stderr } = await run("status", id, "--follow");
  expect(code).toBe(0);
  expect(stderr.split("\n").map((line) => line.split("cmr  ")[1])).toEqual([
    "received, about to be processed",
    "being processed",
    "stored",
    undefined,
  ]);
  expect(stdout).toContain("document.stored");
});

/** Follows the list for four rounds, and does `change` after the first; what was told. */
async function follow(change: () => void): Promise<string> {
  const stop = new AbortController();
  let rounds = 0;
  const sleep = async () => {
    rounds += 1;
    if (rounds === 1) change();
    if (rounds === 4) stop.abort(new Error("stopped"));
    stop.signal.throwIfAborted();
  };
  const patience = { ...impatience(), tries: 1, sleep };
  const world = { home: home.path, as: server, signal: stop.signal, patience };
  return (await runCommand(["status", "--follow"], world)).stdout;
}

test("--follow of the list tells each change once, until it is stopped", async () => {
  const id = await upload("--kind", "cmr");
  const stdout = await follow(() => server.documents.get(id)!.move("processing"));
  expect(stdout.match(/being processed/g)).toHaveLength(1);
  expect(server.requests.filter((line) => line === "GET /v1/documents").length).toBeGreaterThan(3);
});

test.each([
  ["behind", -3_600_000],
  ["ahead of", 3_600_000],
])(
  "--follow tells changes of more than a page, also where the server's clock is %s ours",
  async (_, byMs) => {
    server.clock = () => new Date(Date.now() + byMs);
    for (const load of ["1", "2", "3", "4", "5"]) await upload("--kind", "cmr", "--load", load);
    const stdout = await follow(() => server.documents.forEach((document) => document.move("processing")));
    expect(stdout.match(/being processed/g)).toHaveLength(5);
  },
);

test("--follow tells a change on a later page alone, where the first is as it was", async () => {
  const now = new Date();
  server.clock = () => now; // so that all of them are asked for in each round
  for (const load of ["1", "2", "3"]) await upload("--kind", "cmr", "--load", load);
  const stdout = await follow(() => server.documents.get(ids()[0]!)!.move("processing"));
  expect(stdout.match(/being processed/g)).toHaveLength(1);
});

test("text that others typed cannot command the terminal", async () => {
  server.outcome.detail = "\u001b[2Jgone\u202e";
  const id = await upload("--kind", "cmr", "--wait");
  const { stdout } = await run("status", id);
  expect(stdout).toContain("stored: [2Jgone\n");
});

test("a list of what is erased is not to be had: it would be empty", async () => {
  const { code, stderr } = await runCommand(["status", "--state", "erased"], { home: home.path, as: server });
  expect([code, stderr]).toEqual([2, expect.stringContaining("Allowed choices are granted,")]);
});

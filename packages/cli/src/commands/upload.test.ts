import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UploadReply } from "@strongroom/core/api-shapes";
import { contentOf } from "../stand-in-document.ts";
import { type StandIn, startStandInServer } from "../stand-in-server.ts";
import { makeHome, runCommand } from "../stand-in-terminal.ts";

const mebibyte = 1024 * 1024;
const large = randomBytes(20 * mebibyte + 3);

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
const uploadsDirectory = () => join(home.path, ".local/state/strongroom/uploads");
const unfinished = () => readdir(uploadsDirectory()).catch(() => []);
const photos = async (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, index) => home.file(`${index + 1}.jpg`, `page ${index + 1}`)),
  );

/** The command as a process of its own. */
function start(...argv: string[]) {
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, "../main.ts"), ...argv], {
    env: {
      PATH: process.env["PATH"],
      HOME: home.path,
      STRONGROOM_URL: server.url,
      STRONGROOM_TOKEN: server.token,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const outputs = Promise.all([text(child.stdout!), text(child.stderr!)]);
  const ended = once(child, "close").then(async ([code]) => {
    const [stdout, stderr] = await outputs;
    return { code: code as number | null, stdout, stderr };
  });
  return { child, ended };
}

/** Resolves when the server holds a PUT that it will never answer. */
const heldPut = () =>
  new Promise<void>((resolve) => server.faults.put.push({ kind: "hold", onHeld: resolve }));

test("an upload ends with the document's id, confirmation code and state, and leaves nothing on disk", async () => {
  const { code, stdout, stderr } = await run(
    "upload",
    ...(await photos(2)),
    "--kind",
    "cmr",
    "--load",
    "4711",
  );
  expect(code).toBe(0);
  const [id] = [...server.documents.keys()];
  expect(stdout.split("\n")).toEqual([
    `document ${id}, 2 files, 12 B`,
    "  confirmation code ACDE-FGHJ",
    "  received, about to be processed",
    "",
  ]);
  expect(stderr).toContain("page 1 of 2  1.jpg  6 B  sent");
  expect(await unfinished()).toEqual([]);
});

test("a PDF is no page: it is called a file", async () => {
  const paths = [...(await photos(1)), await home.file("annex.pdf", "many pages")];
  const { stderr } = await run("upload", ...paths, "--kind", "cmr");
  expect(stderr).toContain("file 1 of 2  1.jpg  6 B  sent");
  expect(stderr).toContain("file 2 of 2  annex.pdf  10 B  sent");
  const [id] = [...server.documents.keys()];
  expect((await run("status", id!)).stdout).toMatch(/\nfile  name +type/);
});

test("--json answers with one document of the contract's shape, and says nothing else", async () => {
  const { stdout, stderr } = await run("upload", ...(await photos(1)), "--kind", "cmr", "--json");
  const { documents, resumed } = JSON.parse(stdout);
  expect(UploadReply.shape.document.array().parse(documents)).toHaveLength(1);
  expect(resumed).toEqual([]);
  expect(stderr).toBe("");
});

test("at a terminal each page has its bar", async () => {
  const { stderr } = await runCommand(["upload", ...(await photos(2)), "--kind", "cmr"], {
    home: home.path,
    as: server,
    tty: true,
  });
  expect(stderr).toMatch(/2 2\.jpg +\[=+-*\] 100%  6 B of 6 B/);
});

test("--separate makes a document of each file, and one that is refused does not stop the next", async () => {
  server.faults.api.acceptUpload = [{ kind: "status", status: 422 }];
  const { code, stdout, stderr } = await run(
    "upload",
    ...(await photos(3)),
    "--kind",
    "cmr",
    "--separate",
    "--json",
  );
  expect(code).toBe(1);
  expect(JSON.parse(stdout).documents).toHaveLength(2);
  expect(JSON.parse(stderr)).toMatchObject({ code: "http_422", status: 422 });
});

test("--wait stays until it is stored and tells about each page in plain words", async () => {
  server.outcome.legibility = [[], ["blurred"]];
  const { code, stdout } = await run("upload", ...(await photos(2)), "--kind", "pod", "--wait");
  expect(code).toBe(0);
  expect(stdout).toContain("  stored\n  page 1 looks readable\n  page 2 is blurred: take it again\n");
});

test("--wait ends with 1 when the document is refused, and says why", async () => {
  server.outcome = {
    state: "rejected",
    reason: "unsupported_type",
    detail: "Page 1 is a GIF: send a photo or a PDF.",
    legibility: [],
  };
  const { code, stdout } = await run("upload", ...(await photos(1)), "--kind", "pod", "--wait");
  expect(code).toBe(1);
  expect(stdout).toContain("refused: Page 1 is a GIF: send a photo or a PDF");
});

test("a request that the server refuses for good leaves nothing to continue", async () => {
  const { code, stderr } = await run("upload", ...(await photos(1)), "--kind", "unknown");
  expect({ code, stderr }).toEqual({ code: 1, stderr: "There is no kind of document called unknown.\n" });
  expect(await unfinished()).toEqual([]);
});

test("what can be continued lies on disk for its owner alone, and is listed", async () => {
  server.faults.api.completeUpload = Array.from(
    { length: 6 },
    () => ({ kind: "status", status: 503 }) as const,
  );
  const { code } = await run("upload", ...(await photos(2)), "--kind", "cmr");
  expect(code).toBe(3);
  const [name] = await unfinished();
  expect((await stat(join(uploadsDirectory(), name!))).mode & 0o777).toBe(0o600);
  const { stdout } = await run("upload", "--resume");
  expect(stdout).toMatch(
    /cmr, 2 files, 12 B: .*1\.jpg\nContinue one with: strongroom upload --resume <id>\n$/,
  );
});

test("an upload killed amid its parts is continued by the same command, which sends only what is missing", async () => {
  const path = await home.file("large.pdf", large);
  const held = heldPut();
  const { child, ended } = start("upload", path, "--kind", "cmr");
  await held;
  child.kill("SIGKILL");
  await ended;
  const before = [...server.stored];
  expect(before.length).toBeLessThan(3);
  const [id] = [...server.documents.keys()];

  const { code, stdout, stderr } = await start("upload", path, "--kind", "cmr").ended;
  expect(code).toBe(0);
  expect(stderr).toContain(`Continuing the upload of`);
  expect(stdout).toContain(`document ${id}`);
  expect(server.stored.toSorted()).toEqual(["page 1 part 1", "page 1 part 2", "page 1 part 3"]);
  expect(server.documents.size).toBe(1);
  expect(contentOf(server.documents.get(id!)!, "original-1").equals(large)).toBe(true);
  expect(await unfinished()).toEqual([]);
});

test("Ctrl-C says how to go on and ends with 130; --resume goes on", async () => {
  const paths = await photos(3);
  const held = heldPut();
  const { child, ended } = start("upload", ...paths, "--kind", "cmr", "--json");
  await held;
  child.kill("SIGINT");
  const stopped = await ended;
  const [id] = [...server.documents.keys()];
  expect(stopped).toMatchObject({ code: 130, stdout: "" });
  expect(JSON.parse(stopped.stderr)).toMatchObject({
    code: "interrupted",
    detail: `Stopped. Go on with: strongroom upload --resume ${id}`,
    retryable: true,
  });

  const { code, stdout } = await run("upload", "--resume", id!, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ resumed: [id], documents: [{ id, state: "received" }] });
  expect(server.stored).toHaveLength(3);
});

test("Ctrl-C amid the second of several documents names that one, and tells of the first, waited for or not", async () => {
  const paths = await photos(3);
  server.faults.put = [{ kind: "lose_answer" }]; // of the first, which is found to be there
  const held = heldPut();
  const { child, ended } = start("upload", ...paths, "--kind", "cmr", "--separate", "--wait");
  await held;
  child.kill("SIGINT");
  const { code, stdout, stderr } = await ended;
  const [first, second] = [...server.documents.keys()];
  expect(code).toBe(130);
  expect(stdout).toContain(`document ${first}`);
  expect(stderr).toContain(`Stopped. Go on with: strongroom upload --resume ${second}`);
  expect(stderr).not.toContain("The document is uploaded");
});

test("what was refused is told, and what was uploaded too, when the server goes away while one waits", async () => {
  const [photo] = await photos(1);
  const busy = { kind: "status", status: 503 } as const;
  server.faults.api.acceptUpload = [{ kind: "status", status: 422 }];
  server.faults.api.showDocument = Array.from({ length: 6 }, () => busy);
  const other = await home.file("other.jpg", "another page");
  const { code, stdout, stderr } = await run(
    "upload",
    photo!,
    other,
    "--kind",
    "cmr",
    "--separate",
    "--wait",
  );
  expect(code).toBe(3);
  expect(stderr).toContain("status 422");
  expect(stdout).toContain(`document ${[...server.documents.keys()][0]}`);
});

test("a continued upload says which pages were there, and sends the others", async () => {
  const paths = await photos(2);
  // Both pages go at once: one arrives, the other finds the store busy until the command gives up.
  server.faults.put = [
    { kind: "lose_answer" },
    ...Array.from({ length: 6 }, () => ({ kind: "status", status: 503 }) as const),
  ];
  expect((await run("upload", ...paths, "--kind", "cmr")).code).toBe(3);
  expect(server.stored).toHaveLength(1);
  const there = server.stored[0]!.at(-1);
  const { code, stderr } = await run("upload", ...paths, "--kind", "cmr");
  expect(code).toBe(0);
  for (const page of ["1", "2"])
    expect(stderr).toContain(
      `page ${page} of 2  ${page}.jpg  6 B  ${page === there ? "was there" : "sent"}\n`,
    );
});

test("files that were moved and renamed since are found by their content", async () => {
  server.faults.api.completeUpload = Array.from(
    { length: 6 },
    () => ({ kind: "status", status: 503 }) as const,
  );
  await run("upload", await home.file("a.jpg", "page one"), "--kind", "cmr");
  const { code, stderr } = await run("upload", await home.file("b.jpg", "page one"), "--kind", "cmr");
  expect(code).toBe(0);
  expect(stderr).toContain("Continuing");
  expect(server.documents.size).toBe(1);
});

test("the same files under another kind or load are another document", async () => {
  server.faults.api.completeUpload = Array.from(
    { length: 6 },
    () => ({ kind: "status", status: 503 }) as const,
  );
  const [path] = await photos(1);
  await run("upload", path!, "--kind", "cmr");
  const { stderr } = await run("upload", path!, "--kind", "cmr", "--load", "4711");
  expect(stderr).not.toContain("Continuing");
  expect(server.documents.size).toBe(2);
});

test("an upload whose file was changed meanwhile cannot be continued, and is forgotten", async () => {
  server.faults.api.completeUpload = Array.from(
    { length: 6 },
    () => ({ kind: "status", status: 503 }) as const,
  );
  await run("upload", ...(await photos(1)), "--kind", "cmr");
  const id = (await unfinished())[0]!.replace(".json", "");
  expect(JSON.parse(await readFile(join(uploadsDirectory(), `${id}.json`), "utf8"))).toMatchObject({
    id,
    server: server.url,
  });
  await home.file("1.jpg", "another");
  const { code, stderr } = await run("upload", "--resume", id);
  expect(code).toBe(1);
  expect(stderr).toContain("1.jpg changed after it was read for this upload");
  expect(await unfinished()).toEqual([]);
});

test("an upload whose grant ended meanwhile is kept, and goes on under a new one with the same command", async () => {
  server.faults.api.completeUpload = [{ kind: "status", status: 410 }];
  const [path] = await photos(1);
  const ended = await run("upload", path!, "--kind", "cmr");
  expect(ended.code).toBe(1);
  expect(await unfinished()).toHaveLength(1);
  const { code, stderr } = await run("upload", path!, "--kind", "cmr");
  expect(code).toBe(0);
  expect(stderr).toContain("Continuing the upload of");
  expect(server.documents.size).toBe(1);
});

test("an upload of what was erased meanwhile is told and forgotten", async () => {
  const problem = { code: "erased", detail: "This document was erased for good.", retryable: false };
  const headers = { "content-type": "application/problem+json" };
  server.faults.api.completeUpload = [{ kind: "status", status: 410 }];
  const [path] = await photos(1);
  await run("upload", path!, "--kind", "cmr");
  expect(await unfinished()).toHaveLength(1);
  const body = JSON.stringify({ type: "", title: "Erased", status: 410, instance: "r", ...problem });
  server.faults.api.acceptUpload = [{ kind: "status", status: 410, headers, body }];
  const { code, stderr } = await run("upload", path!, "--kind", "cmr");
  expect([code, stderr]).toEqual([1, expect.stringContaining("This document was erased for good.")]);
  expect(await unfinished()).toEqual([]);
});

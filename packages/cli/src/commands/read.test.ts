import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DownloadFault, type StandIn, startStandInServer } from "../stand-in-server.ts";
import { makeHome, runCommand } from "../stand-in-terminal.ts";

const page = "a page of text. ".repeat(40_000);

let server: StandIn;
let home: Awaited<ReturnType<typeof makeHome>>;
let id: string;
beforeEach(async () => {
  server = await startStandInServer();
  home = await makeHome();
  const paths = [await home.file("one.jpg", page), await home.file("two.pdf", "second page")];
  await run("upload", ...paths, "--kind", "cmr", "--wait");
  id = [...server.documents.keys()][0]!;
});
afterEach(async () => {
  await server.close();
  await home.remove();
});

const run = (...argv: string[]) => runCommand(argv, { home: home.path, as: server });
const out = () => join(home.path, "out.jpg");

test("an original comes back byte for byte", async () => {
  const { code, stdout } = await run("read", id, "-o", out(), "--json");
  expect(code).toBe(0);
  expect(await readFile(out(), "utf8")).toBe(page);
  expect(JSON.parse(stdout)).toMatchObject({
    documentId: id,
    files: [{ artefact: "original-1", path: out(), sizeBytes: page.length }],
  });
});

test.each<DownloadFault>(["altered", "longer"])(
  "a download that is %s is thrown away, and nothing gets its name",
  async (fault) => {
    server.faults.download = [fault];
    const before = await readdir(home.path);
    const { code, stderr } = await run("read", id, "-o", out(), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ code: "altered" });
    expect(await readdir(home.path)).toEqual(before);
  },
);

test("a download that is cut is fetched again with a new ticket", async () => {
  server.faults.download = ["cut", "cut"];
  const { code } = await run("read", id, "-o", out());
  expect(code).toBe(0);
  expect(await readFile(out(), "utf8")).toBe(page);
  expect(server.requests.filter((line) => line.endsWith("/tickets"))).toHaveLength(3);
});

test("a download that is cut every time ends with 3 and leaves no file", async () => {
  server.faults.download = Array.from({ length: 6 }, () => "cut" as const);
  const before = await readdir(home.path);
  const { code, stderr } = await run("read", id, "-o", out(), "--json");
  expect(code).toBe(3);
  expect(JSON.parse(stderr)).toMatchObject({
    code: "broken_off",
    detail: expect.stringMatching(/original-1 broke off each time.*stored copy may be damaged/),
    retryable: true,
  });
  expect(await readdir(home.path)).toEqual(before);
});

const refusal = (code: string, status: number, retryable: boolean) => ({
  kind: "status" as const,
  status,
  body: JSON.stringify({
    type: "",
    title: "",
    status,
    code,
    detail: `It is ${code}.`,
    retryable,
    instance: "",
  }),
});

test("a damaged copy is told in the server's own words, and not asked for again", async () => {
  server.faults.api.readDocument = [refusal("damaged", 500, false)];
  expect(await run("read", id, "-o", out())).toEqual({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/It is damaged\.\n$/),
  });
  expect(server.requests.filter((line) => line.endsWith("/tickets"))).toHaveLength(1);
});

test("a server that is away for a moment is asked again", async () => {
  server.faults.api.readDocument = [refusal("unavailable", 503, true), { kind: "status", status: 502 }];
  expect(await run("read", id, "-o", out())).toMatchObject({ code: 0 });
  expect(server.requests.filter((line) => line.endsWith("/tickets"))).toHaveLength(3);
});

test("an older file of the name stays when the download fails", async () => {
  await home.file("out.jpg", "older");
  server.faults.download = ["altered"];
  await run("read", id, "-o", out());
  expect(await readFile(out(), "utf8")).toBe("older");
});

test("--all fetches every artefact under its own name, and replaces nothing", async () => {
  const directory = join(home.path, "all");
  expect((await run("read", id, "--all", directory)).code).toBe(0);
  expect((await readdir(directory)).toSorted()).toEqual(["original-1.jpg", "original-2.pdf"]);
  const again = await run("read", id, "--all", directory, "--json");
  expect(again.code).toBe(1);
  expect(JSON.parse(again.stderr)).toMatchObject({
    code: "file_exists",
    detail: `${join(directory, "original-1.jpg")} is already there. Choose another directory, or move it away.`,
  });
});

test("a place where no file can be is said to be so, in plain words", async () => {
  const file = await home.file("file", "");
  const gone = join(home.path, "nowhere");
  const places = [
    ["-o", join(gone, "x.jpg"), `There is no directory ${gone}.\n`],
    ["-o", join(file, "x.jpg"), `${file} is not a directory.\n`],
    ["-o", home.path, `${home.path} is a directory: name a file in it.\n`],
    ["--all", file, `${file} is not a directory.\n`],
  ] as const;
  for (const [option, path, stderr] of places)
    expect(await run("read", id, option, path)).toEqual({ code: 2, stdout: "", stderr });
  expect(await run("read", id, "--receipt", "-o", join(gone, "x"))).toMatchObject({ code: 2 });
});

test("the receipt is fetched as it was signed", async () => {
  server.texts.receipt = "e30.e30.c2ln";
  const path = join(home.path, "receipt.jws");
  expect((await run("read", id, "--receipt", "-o", path)).code).toBe(0);
  expect(await readFile(path, "utf8")).toBe("e30.e30.c2ln\n");
  server.texts.receipt = "<html>";
  expect((await run("read", id, "--receipt", "-o", path)).code).toBe(1);
});

test("an artefact that is not there is named with those that are", async () => {
  const { code, stderr } = await run("read", id, "--artefact", "combined");
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "This document has no combined. It has: original-1, original-2.\n",
  });
});

test("a document that is not stored has nothing to read, and says where it is", async () => {
  await run("upload", await home.file("three.jpg", "three"), "--kind", "cmr");
  const { code, stderr } = await run("read", [...server.documents.keys()][1]!);
  expect(code).toBe(1);
  expect(stderr).toBe("There is nothing to read of this document: received, about to be processed.\n");
});

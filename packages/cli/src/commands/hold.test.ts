import { afterEach, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandInServer } from "../stand-in-server.ts";
import { makeHome, runCommand } from "../stand-in-terminal.ts";
import { formatMoment } from "../words.ts";

let server: StandIn;
let home: Awaited<ReturnType<typeof makeHome>>;
let id: string;
beforeEach(async () => {
  server = await startStandInServer();
  home = await makeHome();
  await run("upload", await home.file("page.jpg", "page"), "--kind", "cmr");
  id = [...server.documents.keys()][0]!;
});
afterEach(async () => {
  await server.close();
  await home.remove();
});

const run = (...argv: string[]) => runCommand(argv, { home: home.path, as: server });
const firstLine = async (...argv: string[]) => {
  const { code, stdout } = await run("hold", id, ...argv);
  expect(code).toBe(0);
  return stdout.split("\n")[0];
};

test("a hold says first that it holds, and until when", async () => {
  expect(await firstLine("--reason", "claim")).toBe("Held until it is lifted.");
  const until = "2099-06-30T00:00:00Z";
  expect(await firstLine("--reason", "audit", "--until", until)).toBe(`Held until ${formatMoment(until)}.`);
});

test("a hold whose end has passed is not said to hold", async () => {
  expect(await firstLine("--reason", "audit", "--until", "2020-06-30T00:00:00Z")).toBe(
    "Not held: the end of this hold has passed.",
  );
});

test("a hold that was not there is not said to be lifted; those that are there are named", async () => {
  await run("hold", id, "--reason", "claim", "--reference", "CASE-1");
  expect(await firstLine("--lift", "--reason", "closed", "--reference", "CASE-2")).toBe(
    "Nothing was lifted: there is no hold of the reference CASE-2. Another one lasts until it is lifted.",
  );
  const { stdout } = await run("hold", id, "--lift", "--reason", "closed");
  expect(stdout).toContain("there is no hold without a reference");
  expect(stdout).toMatch(/legal hold +CASE-1, until it is lifted/);
  const lift = ["--lift", "--reason", "closed", "--reference", "CASE-1"];
  expect(await firstLine(...lift)).toBe("Lifted: nothing holds it any more.");
  expect(await firstLine(...lift)).toMatch(/^Nothing was lifted: .* Nothing holds it\.$/);
});

test("a lifted hold says first that nothing holds the document any more", async () => {
  await run("hold", id, "--reason", "claim");
  expect(await firstLine("--lift", "--reason", "closed")).toBe("Lifted: nothing holds it any more.");
});

import { afterEach, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandInServer } from "../stand-in-server.ts";
import { makeHome, runCommand } from "../stand-in-terminal.ts";

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
const stateOf = () => server.documents.get(id)!.state;

test("a failed document is sent its way again, and shown", async () => {
  server.documents.get(id)!.move("failed");
  const { code, stdout } = await run("redrive", id);
  expect({ code, state: stateOf() }).toEqual({ code: 0, state: "received" });
  expect(stdout).toContain(id);
  expect(server.requests).toContain(`POST /v1/documents/${id}/redrive`);
});

test("a redrive whose answer was lost is told as what it is: done", async () => {
  server.documents.get(id)!.move("failed");
  server.faults.api.redriveDocument = [{ kind: "lose_answer" }];
  const { code, stdout } = await run("redrive", id);
  expect({ code, state: stateOf() }).toEqual({ code: 0, state: "processing" }); // a look at it is a step
  expect(stdout).toContain(id);
  expect(server.requests.filter((request) => request.includes("redrive"))).toHaveLength(2);
});

test("a document that has not failed is refused, with the server's reason", async () => {
  const { code, stderr } = await run("redrive", id);
  expect(code).toBe(1);
  expect(stderr).toContain("only failed ones are redriven");
});

test.each([
  ["failed", true],
  ["stored", false],
] as const)(
  "a dry run of a %s document says whether it would be redriven: %s; nothing is sent",
  async (state, would) => {
    server.outcome = { ...server.outcome, state };
    server.documents.get(id)!.move(state);
    const { code, stdout } = await run("redrive", id, "--dry-run", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ document: { id, state }, wouldRedrive: would });
    expect((await run("redrive", id, "--dry-run")).stdout).toContain(
      would ? "would be sent" : "would be refused",
    );
    expect(server.requests.filter((request) => request.includes("redrive"))).toEqual([]);
  },
);

test("an unknown document is told as such, a missing id is not understood", async () => {
  expect((await run("redrive", "0198f1c2-0000-7000-8000-000000000000")).code).toBe(1);
  expect((await run("redrive")).code).toBe(2);
});

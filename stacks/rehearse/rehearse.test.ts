import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadBundles, measureBundles } from "./bundles.ts";
import { CloudFormation } from "./cloud-formation.ts";

describe("the stand-in for CloudFormation", () => {
  const exporting = {
    Resources: { A: { Type: "AWS::SQS::Queue" } },
    Outputs: { Out: { Value: "x", Export: { Name: "a:out" } } },
  };
  const importing = {
    Resources: { B: { Type: "AWS::SQS::Queue", Properties: { Name: { "Fn::ImportValue": "a:out" } } } },
  };
  const open = (templates: Record<string, object>) => {
    const made = new CloudFormation({
      account: "1",
      region: "r",
      readTemplate: (url) => JSON.stringify(templates[url]),
    });
    const ask = (Action: string, StackName: string) =>
      made.answer(new URLSearchParams({ Action, StackName, TemplateURL: StackName }));
    return { faults: made.faults, stacks: made.stacks, ask };
  };

  test("takes stacks in the order of their exports, and lets them go in the other", () => {
    const { ask, faults, stacks } = open({ a: exporting, b: importing });
    for (const name of ["a", "b"]) expect(ask("CreateStack", name).status).toBe(200);
    expect(ask("DescribeStacks", "b").text).toContain("CREATE_COMPLETE");
    for (const name of ["b", "a"]) ask("DeleteStack", name);
    expect(ask("DescribeStacks", "b").text).toContain("does not exist");
    expect(faults).toEqual([]);
    expect(stacks.every(({ deletedAt }) => deletedAt !== null)).toBe(true);
  });

  test("complains of an import that nobody exports, and of a stack deleted under its users", () => {
    const late = open({ a: exporting, b: importing });
    late.ask("CreateStack", "b");
    expect(late.faults).toEqual(["b: imports a:out, which nobody exports"]);
    const early = open({ a: exporting, b: importing });
    for (const name of ["a", "b"]) early.ask("CreateStack", name);
    early.ask("DeleteStack", "a");
    expect(early.faults).toEqual(["a is deleted while b still import from it"]);
  });

  test("complains of 501 resources, a second export of one name, and of what it does not know", () => {
    const many = {
      Resources: Object.fromEntries(
        Array.from({ length: 501 }, (_, at) => [`Q${at}`, { Type: "AWS::SQS::Queue" }]),
      ),
    };
    const { ask, faults } = open({ a: exporting, many, c: exporting });
    for (const name of ["a", "many", "c"]) ask("CreateStack", name);
    ask("ImportStacks", "a");
    expect(faults).toEqual([
      "many: 501 resources",
      "c: exports a:out a second time",
      "the rehearsal knows no ImportStacks",
    ]);
  });
});

describe("with a scratch folder", () => {
  let scratch: string;
  beforeEach(() => void (scratch = mkdtempSync(join(tmpdir(), "strongroom-test-"))));
  afterEach(() => rmSync(scratch, { recursive: true }));

  test.each([
    ["of 2 MiB", " ".repeat(2 * 1024 * 1024), []],
    ["of one byte more", " ".repeat(2 * 1024 * 1024 + 1), ["2.00 MiB"]],
    ["that imports sharp", 'import a from"sharp";', ['contains \\bfrom\\s*"sharp"']],
    ["that imports pg-native", 'import a from "pg-native";', ['contains \\bfrom\\s*"pg-native"']],
  ])("a bundle %s is measured and looked through", (_what, text, faults) => {
    mkdirSync(join(scratch, "c8"));
    writeFileSync(join(scratch, "c8", "handler.mjs"), text);
    expect(measureBundles(scratch)).toEqual([{ file: "handler.mjs", sizeBytes: text.length, faults }]);
  });

  test("a bundle that does not load, or has no handler, is told", () => {
    mkdirSync(join(scratch, "c8"));
    writeFileSync(join(scratch, "c8", "good.mjs"), "export const handler = () => {};");
    writeFileSync(join(scratch, "c8", "bad.mjs"), "throw new Error('no such module');");
    writeFileSync(join(scratch, "c8", "empty.mjs"), "export const other = 1;");
    const faults = loadBundles(scratch, { PATH: process.env["PATH"] ?? "" });
    expect(faults.toSorted()).toEqual(["c8/bad.mjs: no such module", "c8/empty.mjs: exports no handler"]);
  });

  test("a process of the rehearsal reaches this machine only, and every other attempt is written down", () => {
    const attempts = join(scratch, "attempts");
    writeFileSync(attempts, "");
    const program = `
      import { createServer, connect } from "node:net";
      const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1", () => {
        const near = connect(server.address().port, "127.0.0.1", () => { near.destroy(); server.close(); console.log("near"); });
      });
      await fetch("http://192.0.2.1/").catch(() => console.log("far"));
    `;
    const said = execFileSync(
      process.execPath,
      [`--import=${new URL("no-network.ts", import.meta.url).href}`, "--input-type=module", "-e", program],
      {
        env: { PATH: process.env["PATH"], STRONGROOM_REHEARSAL_ATTEMPTS: attempts },
        encoding: "utf8",
      },
    );
    expect(said.trim().split("\n").sort()).toEqual(["far", "near"]);
    expect(readFileSync(attempts, "utf8")).toBe("192.0.2.1:80\n");
  });
});

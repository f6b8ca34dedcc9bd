import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatFindings, lintFindings, typeFindings, unusedFindings, type Finding } from "./findings.ts";
import { importRows } from "./import-rows.ts";
import { plantTree, scripts, type CheckResult, type PlantedTree } from "./planted-tree.ts";
import { packagesImportedBelow, treeFiles, words } from "./tree-files.ts";
import { violations } from "./violations.ts";

/** For all tools together: a loaded machine is no violation. */
const patienceMs = 240_000;

const trees: PlantedTree[] = [];
const found: { honest: Finding[]; planted: Finding[] } = { honest: [], planted: [] };
let wholeCheck: CheckResult;
let gatesOfPlanted: CheckResult[];

beforeAll(async () => {
  const rootDependencies = { ...packagesImportedBelow("proof/"), ...packagesImportedBelow("bench/") };
  trees.push(
    await plantTree(treeFiles("honest"), rootDependencies),
    await plantTree(treeFiles("planted"), rootDependencies),
  );
  const [honest, planted] = trees as [PlantedTree, PlantedTree];
  wholeCheck = await honest.run("check");
  // A green check found nothing; a red one is asked again, gate by gate, so that the tests can say where.
  found.honest = wholeCheck.status === 0 ? [] : (await judge(honest)).findings;
  const judged = await judge(planted);
  found.planted = judged.findings;
  gatesOfPlanted = judged.gates;
}, patienceMs);

afterAll(() => Promise.all(trees.map((tree) => tree.remove())));

test("the check runs every gate that there is", async () => {
  const { check = "", ...others } = await scripts();
  const gates = Object.keys(others).filter((name) => name.startsWith("check:"));
  expect(check.split(" && ")).toEqual(gates.map((gate) => `npm run ${gate}`));
});

test("a tree without a violation passes the whole check", () => {
  expect(wholeCheck.status, wholeCheck.output).toBe(0);
});

test("in a tree with violations each gate is red", () => {
  expect(gatesOfPlanted.map(({ status }) => status === 0)).toEqual([false, false, false, false]);
});

describe("the table of imports", () => {
  const rule = "eslint(no-restricted-imports)";

  test.for(importRows)("$place is refused every import that its row forbids", ({ path, never }) => {
    const lines = at(path, found.planted).filter((finding) => finding.rule === rule);
    const refused = new Set(lines.map(({ line }) => words(never)[(line ?? 0) - 1]));
    expect(words(never).filter((name) => !refused.has(name))).toEqual([]);
  });

  test.for(importRows)("$place is allowed every import that its row allows", ({ path }) => {
    expect(at(path, found.honest)).toEqual([]);
  });
});

describe("beside the table", () => {
  test.for(violations)("the gates find $title, and nothing in its honest twin", ({ path, rule }) => {
    expect(at(path, found.planted).map((finding) => finding.rule)).toContain(rule);
    expect(at(path, found.honest)).toEqual([]);
  });
});

async function judge(tree: PlantedTree): Promise<{ gates: CheckResult[]; findings: Finding[] }> {
  const lint = await tree.run("check:lint", "--format=json");
  const types = await tree.run("check:types", "--pretty", "false");
  const format = await tree.run("check:format");
  const unused = await tree.run("check:unused", "--reporter", "json");
  const findings = [lintFindings(lint), typeFindings(types), formatFindings(format), unusedFindings(unused)];
  return { gates: [lint, types, format, unused], findings: findings.flat() };
}

function at(path: string, findings: Finding[]): Finding[] {
  return findings.filter((finding) => finding.path === path);
}

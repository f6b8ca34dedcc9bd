import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CostReport } from "../cost/describe-cost.ts";
import { makeHome, runCommand } from "../stand-in-terminal.ts";

let home: Awaited<ReturnType<typeof makeHome>>;
beforeEach(async () => {
  home = await makeHome();
});
afterEach(() => home.remove());

const run = (...argv: string[]) => runCommand(["cost", ...argv], { home: home.path, as: null });
const report = async (...argv: string[]): Promise<CostReport> =>
  JSON.parse((await run(...argv, "--json")).stdout);

test("without login or network it tells a bill by service, and what it rests on", async () => {
  const { code, stdout, stderr } = await run("--docs", "100000");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(
    /^production, two cells, the idle one shut: 100,000 documents a day of 3.20 MB and 1.4 pages, kept 10 years\n/,
  );
  expect(stdout).toContain("AWS list prices of us-east-1, as known on 2026-11-20");
  expect(stdout).toMatch(/^EKS +\$146 +\$146 /m);
  expect(stdout).toMatch(/^total +\$\d+,\d{3} +\$\d+,\d{3} +100\.0 %$/m);
  expect(stdout).toMatch(/^1,000 documents over their lifetime: \$\d+\.\d\d$/m);
  expect(stdout).toMatch(/^two cells, both always running +\$/m);
  expect(stdout).toMatch(/^any +262 kB +132 days +3,998 days +Standard$/m);
  expect(stdout).toMatch(/^ +cpuMsPerPage +125 {2}CPU-ms/m);
  expect(stdout).toContain("Check them against the AWS Pricing Calculator");
});

test("a stage has its own cells, unless others are asked for", async () => {
  expect((await report("--docs", "10")).input.cells).toBe("dual");
  expect((await report("--docs", "10", "--stage", "dev")).input.cells).toBe("single");
  const asked = await report("--docs", "10", "--stage", "staging", "--cells", "single");
  expect(asked.input).toMatchObject({ stage: "staging", cells: "single" });
  expect(asked.bill.fullUsd).toBe(asked.cells.single.fullUsd);
});

test("size, pages and retention are taken as given", async () => {
  const { input, bill } = await report(
    ..."--docs 500 --size-mb 0.9 --pages 1 --retention-years 0.5".split(" "),
  );
  expect(input).toEqual({
    stage: "production",
    cells: "dual",
    documentsPerDay: 500,
    sizeBytes: 900_000,
    pages: 1,
    retentionDays: 183,
  });
  // Half a year of retention is full after half a year: the bill at one year is the same.
  expect(bill.firstYearUsd).toBeCloseTo(bill.fullUsd, 9);
});

test.each([
  [["--docs", "1"]],
  [["--docs", "100000000"]],
  [["--docs", "1", "--size-mb", "0.001"]],
  [["--docs", "1", "--size-mb", "210"]],
  [["--docs", "1", "--pages", "50"]],
  [["--docs", "1", "--retention-years", "0.1"]],
  [["--docs", "1", "--retention-years", "100"]],
])("%j is within the limits", async (argv) => {
  expect((await run(...argv)).code).toBe(0);
});

test.each([
  [[]],
  [["--docs", "0"]],
  [["--docs", "-5"]],
  [["--docs", "100000001"]],
  [["--docs", "many"]],
  [["--docs", "1e5"]],
  [["--docs", "1", "--stage", "pr-7"]],
  [["--docs", "1", "--cells", "three"]],
  [["--docs", "1", "--cells", "both"]],
  [["--docs", "1", "--size-mb", "0"]],
  [["--docs", "1", "--size-mb", "210.1"]],
  [["--docs", "1", "--pages", "0.9"]],
  [["--docs", "1", "--pages", "50.1"]],
  [["--docs", "1", "--retention-years", "0.09"]],
  [["--docs", "1", "--retention-years", "100.1"]],
  [["--docs", "1", "--region", "eu-central-1"]],
  [["--docs", "1", "more"]],
])("%j is not understood", async (argv) => {
  const { code, stdout, stderr } = await run(...argv, "--json");
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(JSON.parse(stderr)).toMatchObject({ code: "usage", retryable: false });
});

test("the table in docs/cost.md is what the command says", async () => {
  const page = await readFile(new URL("../../../../docs/cost.md", import.meta.url), "utf8");
  const { stdout } = await run("--docs", "100000");
  expect(page).toContain(stdout.slice(0, stdout.indexOf("\n\nTaken for granted:")));
});

test("help is an answer, with examples", async () => {
  const { code, stdout } = await run("--help");
  expect(code).toBe(0);
  expect(stdout).toContain("Examples:\n  strongroom cost --docs 100000");
});

import type { Violation } from "./violations.ts";

const lines = (count: number) => "performance.now();\n".repeat(count);
const functionOf = (count: number) =>
  `function long() {\n${"  performance.now();\n".repeat(count - 2)}}\nlong();\n`;
const testOf = (body: string) =>
  `import { expect, test, vi } from "vitest";\n\n${body}\nvoid [expect, test, vi];\n`;
const passing = 'test("one is one", () => {\n  expect(1).toBe(1);\n});';

const noun = "packages/core/src/document";

/** What the linter must see beside the imports. */
export const lintViolations: Violation[] = [
  {
    title: "a noun that imports the configuration as a value",
    rule: "eslint(no-restricted-imports)",
    path: `${noun}/configured.ts`,
    planted: 'import { periods } from "../config.ts";\n\nperformance.mark(periods);\n',
    honest: 'import type { Config } from "../config.ts";\n\nperformance.mark("x" satisfies Config);\n',
  },
  {
    title: "an adapter imported on demand",
    rule: "eslint(no-restricted-imports)",
    path: `${noun}/on-demand.ts`,
    planted: 'await import("../aws/objects.ts");\n',
    honest: 'await import("../ports/objects.ts");\n',
  },
  {
    title: "an adapter imported for its type",
    rule: "eslint(no-restricted-imports)",
    path: `${noun}/by-type.ts`,
    planted: 'import type { Stub } from "../aws/objects.ts";\n\nperformance.mark("x" satisfies Stub);\n',
    honest: 'import type { Stub } from "../ports/objects.ts";\n\nperformance.mark("x" satisfies Stub);\n',
  },
  {
    title: "a type reached by an import() that the table of imports does not see",
    rule: "typescript(consistent-type-imports)",
    path: `${noun}/by-annotation.ts`,
    planted: 'performance.mark("x" satisfies import("../aws/objects.ts").Stub);\n',
    honest: 'import type { Stub } from "../ports/objects.ts";\n\nperformance.mark("x" satisfies Stub);\n',
  },
  {
    title: "two files that import each other",
    rule: "import(no-cycle)",
    path: `${noun}/hen.ts`,
    planted: 'import "./egg.ts";\n',
    honest: 'import "./document.ts";\n',
  },
  {
    title: "the environment read in the domain",
    rule: "node(no-process-env)",
    path: `${noun}/environment.ts`,
    planted: "performance.mark(String(process.env.STAGE));\n",
    honest: 'performance.mark("stage");\n',
  },
  {
    title: "the environment taken out of process",
    rule: "eslint(no-restricted-properties)",
    path: `${noun}/environment-taken.ts`,
    planted: "const { env } = process;\nperformance.mark(String(env));\n",
    honest: "const { pid } = process;\nperformance.mark(String(pid));\n",
  },
  {
    title: "the environment read in an adapter",
    rule: "node(no-process-env)",
    path: "packages/core/src/embedded/environment.ts",
    planted: "performance.mark(String(process.env.STAGE));\n",
    honest: 'performance.mark("stage");\n',
  },
  {
    title: "a mocked module",
    rule: "vitest(no-restricted-vi-methods)",
    path: `${noun}/mock.test.ts`,
    planted: testOf(`vi.mock("./document.ts");\n${passing}`),
    honest: testOf(passing),
  },
  {
    title: "a module mocked later",
    rule: "vitest(no-restricted-vi-methods)",
    path: `${noun}/do-mock.test.ts`,
    planted: testOf(`vi.doMock("./document.ts");\n${passing}`),
    honest: testOf(passing),
  },
  {
    title: "a test that silences all others",
    rule: "vitest(no-focused-tests)",
    path: `${noun}/only.test.ts`,
    planted: testOf(passing.replace("test(", "test.only(")),
    honest: testOf(passing),
  },
  {
    title: "a test that is skipped without a reason",
    rule: "vitest(no-disabled-tests)",
    path: `${noun}/skip.test.ts`,
    planted: testOf(passing.replace("test(", "test.skip(")),
    honest: testOf(
      'test("one is one", (context) => {\n  context.skip(expect(1).toBe(1) as never, "a reason");\n});',
    ),
  },
  {
    title: "a test that is skipped by a condition without a reason",
    rule: "eslint(no-restricted-properties)",
    path: `${noun}/skip-if.test.ts`,
    planted: testOf(passing.replace("test(", "test.skipIf(true)(")),
    honest: testOf(passing),
  },
  {
    title: "a test that is promised",
    rule: "vitest(warn-todo)",
    path: `${noun}/todo.test.ts`,
    planted: testOf('test.todo("one is one");'),
    honest: testOf(passing),
  },
  {
    title: "a snapshot",
    rule: "vitest(no-restricted-matchers)",
    path: `${noun}/snapshot.test.ts`,
    planted: testOf(passing.replace("toBe(1)", "toMatchSnapshot()")),
    honest: testOf(passing),
  },
  {
    title: "a default export",
    rule: "import(no-default-export)",
    path: `${noun}/default.ts`,
    planted: "export default 1;\n",
    honest: "performance.now();\n",
  },
  {
    title: "a file of 301 lines",
    rule: "eslint(max-lines)",
    path: `${noun}/long-file.ts`,
    planted: lines(301),
    honest: lines(300),
  },
  {
    title: "a test file of 501 lines",
    rule: "eslint(max-lines)",
    path: `${noun}/long-file.test.ts`,
    planted: lines(501),
    honest: lines(500),
  },
  {
    title: "a function of 61 lines",
    rule: "eslint(max-lines-per-function)",
    path: `${noun}/long-function.ts`,
    planted: functionOf(61),
    honest: functionOf(60),
  },
  {
    title: "a promise that nobody awaits",
    rule: "typescript(no-floating-promises)",
    path: `${noun}/floating.ts`,
    planted: 'Promise.reject(new Error("lost"));\n',
    honest: 'await Promise.reject(new Error("thrown"));\n',
  },
  {
    title: "a promise given to what does not await it",
    rule: "typescript(no-misused-promises)",
    path: `${noun}/misused.ts`,
    planted: "[1].forEach(async () => Promise.resolve());\n",
    honest: "await Promise.all([1].map(async () => Promise.resolve()));\n",
  },
  {
    title: "an await of what is there already",
    rule: "typescript(await-thenable)",
    path: `${noun}/thenable.ts`,
    planted: "await performance.now();\n",
    honest: "performance.now();\n",
  },
  {
    title: "a state that a switch forgets",
    rule: "typescript(switch-exhaustiveness-check)",
    path: `${noun}/forgotten.ts`,
    planted: switchOf('    case "stored":\n      performance.now();\n'),
    honest: switchOf('    case "stored":\n    case "failed":\n      performance.now();\n'),
  },
  {
    title: "a comparison that converts",
    rule: "eslint(eqeqeq)",
    path: `${noun}/equal.ts`,
    planted: "if (performance.now() == 1) performance.now();\n",
    honest: "if (performance.now() === 1) performance.now();\n",
  },
  {
    title: "the console in place of the log",
    rule: "eslint(no-console)",
    path: `${noun}/console.ts`,
    planted: 'console.log("stored");\n',
    honest: 'performance.mark("stored");\n',
  },
  {
    title: "a value whose type is given up",
    rule: "typescript(no-explicit-any)",
    path: `${noun}/any.ts`,
    planted: "const value: any = 1;\nperformance.mark(String(value));\n",
    honest: "const value: unknown = 1;\nperformance.mark(String(value));\n",
  },
  {
    title: "work that is left for later",
    rule: "eslint(no-warning-comments)",
    path: `${noun}/later.ts`,
    planted: "// TODO: store it\nperformance.now();\n",
    honest: "// Stored before the row.\nperformance.now();\n",
  },
  {
    title: "a rule switched off for nothing",
    rule: "unused-directive",
    path: `${noun}/directive.ts`,
    planted: "// oxlint-disable-next-line no-console\nperformance.now();\n",
    honest: "performance.now();\n",
  },
  {
    title: "a file named like a class",
    rule: "unicorn(filename-case)",
    path: `${noun}/SealDocument.ts`,
    planted: "performance.now();\n",
    honest: "",
  },
];

function switchOf(cases: string): string {
  const head = 'type State = "stored" | "failed";\nfunction show(state: State) {\n  switch (state) {\n';
  return `${head}${cases}  }\n}\nshow("stored");\n`;
}

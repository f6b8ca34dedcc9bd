import { lintViolations } from "./lint-violations.ts";

/** One file twice, with a violation and without, and the rule that must tell them apart. */
export type Violation = { title: string; rule: string; path: string; planted: string; honest: string };

const noun = "packages/core/src/document";

/** What the compiler must see. */
const types: Violation[] = [
  {
    title: "a number that is called a text",
    rule: "TS2322",
    path: `${noun}/types-text.ts`,
    planted: "const text: string = 1;\nperformance.mark(text);\n",
    honest: 'const text: string = "1";\nperformance.mark(text);\n',
  },
  {
    title: "a list's element that may be missing",
    rule: "TS2345",
    path: `${noun}/types-element.ts`,
    planted: 'const names = String(1).split(",");\nperformance.mark(names[0]);\n',
    honest: 'const names = String(1).split(",");\nperformance.mark(names[0] ?? "none");\n',
  },
  {
    title: "undefined for a property that is absent or there",
    rule: "TS2375",
    path: `${noun}/types-optional.ts`,
    planted:
      "const options: { size?: number } = { size: undefined };\nperformance.mark(String(options.size));\n",
    honest: "const options: { size?: number } = {};\nperformance.mark(String(options.size));\n",
  },
  {
    title: "syntax that type stripping cannot erase",
    rule: "TS1294",
    path: `${noun}/types-enum.ts`,
    planted: "enum State {\n  Stored,\n}\nperformance.mark(String(State.Stored));\n",
    honest: "const State = { Stored: 0 };\nperformance.mark(String(State.Stored));\n",
  },
  {
    title: "a type imported as a value",
    rule: "TS1484",
    path: `${noun}/types-import.ts`,
    planted: 'import { Stub } from "../ports/objects.ts";\n\nperformance.mark("x" satisfies Stub);\n',
    honest: 'import type { Stub } from "../ports/objects.ts";\n\nperformance.mark("x" satisfies Stub);\n',
  },
  {
    title: "an import without its extension",
    rule: "TS2835",
    path: `${noun}/types-extension.ts`,
    planted: 'import "../ports/objects";\n',
    honest: 'import "../ports/objects.ts";\n',
  },
];

/** What the formatter and knip must see. */
const others: Violation[] = [
  {
    title: "a file that is not formatted",
    rule: "format",
    path: `${noun}/format.ts`,
    planted: "performance.mark('a' )\n",
    honest: 'performance.mark("a");\n',
  },
  {
    title: "an export that nobody imports",
    rule: "knip(exports)",
    path: `${noun}/unused-export.ts`,
    planted: "export const nobody = 1;\n",
    honest: "const somebody = 1;\nperformance.mark(String(somebody));\n",
  },
  {
    title: "a type that nobody imports",
    rule: "knip(types)",
    path: `${noun}/unused-type.ts`,
    planted: "export type Nobody = 1;\n",
    honest: "performance.now();\n",
  },
  {
    title: "a file of the proof that nobody starts",
    rule: "knip(files)",
    path: "proof/simulate/orphan.ts",
    planted: "performance.now();\n",
    honest: "",
  },
  {
    title: "a package that package.json does not name",
    rule: "knip(unlisted)",
    path: "packages/local/src/unlisted.ts",
    planted: 'import "semver";\n',
    honest: 'import "node:fs";\n',
  },
];

/** Every violation that a gate must find; an empty honest half means that the file is not there at all. */
export const violations: Violation[] = [...lintViolations, ...types, ...others];

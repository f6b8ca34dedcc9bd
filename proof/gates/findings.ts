import type { CheckResult } from "./planted-tree.ts";

/** What a gate found: the file, counted from the root of the tree, and the rule it breaks. */
export type Finding = { path: string; rule: string; line: number | null };

type LintReport = {
  diagnostics: { code?: string; message: string; filename: string; labels: { span: { line: number } }[] }[];
};

/** Reads `oxlint --format=json`; an unused directive has no rule of its own and is called `unused-directive`. */
export function lintFindings({ output }: CheckResult): Finding[] {
  const report: LintReport = JSON.parse(output);
  return report.diagnostics.map(({ code, filename, labels }) => {
    return { path: filename, rule: code ?? "unused-directive", line: labels[0]?.span.line ?? null };
  });
}

/** Reads `tsc --pretty false`: `path(line,column): error TS1234: …`. */
export function typeFindings({ output }: CheckResult): Finding[] {
  const matches = output.matchAll(/^(.+?)\((\d+),\d+\): error (TS\d+):/gm);
  return [...matches].map(([, path, line, rule]) => ({ path: path!, rule: rule!, line: Number(line) }));
}

/** Reads `oxfmt --check`: a line `path (1ms)` for each file that is not formatted. */
export function formatFindings({ output }: CheckResult): Finding[] {
  const matches = output.matchAll(/^(\S+) \(\d+ms\)$/gm);
  return [...matches].map(([, path]) => ({ path: path!, rule: "format", line: null }));
}

/** Reads `knip --reporter json`: issues by file and kind. */
export function unusedFindings({ output }: CheckResult): Finding[] {
  const report: { issues: Record<string, unknown>[] } = JSON.parse(output);
  return report.issues.flatMap(({ file, ...kinds }) =>
    Object.entries(kinds)
      .filter(([, found]) => Array.isArray(found) && found.length > 0)
      .map(([kind]) => ({ path: String(file), rule: `knip(${kind})`, line: null })),
  );
}

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const repository = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

/** Events that the product logs at a level, wherever they stand in the first argument; `${round}` stands for each of its rounds. */
function logged(level: "error" | "warn"): string[] {
  const sources = globSync("packages/*/src/**/*.ts", { cwd: repository }).filter(
    (path) => !/(\.test|\/test-[^/]*)\.ts$/.test(path),
  );
  const calls = new RegExp(`\\blog\\.${level}\\(([^,)]*)`, "g");
  const events = sources.flatMap((path) =>
    [...read(path).matchAll(calls)].flatMap(([, first]) =>
      [...first!.matchAll(/["`]([^"`]+)["`]/g)].map(([, event]) => event!),
    ),
  );
  const named = events.flatMap((event) =>
    event.includes("${round}")
      ? ["reconcile", "sweep"].map((round) => event.replace("${round}", round))
      : [event],
  );
  return [...new Set(named)].toSorted();
}

/** What stands in the first column of a section's table. */
function explained(section: string): string[] {
  const [, after] = read("docs/runbooks/alarms.md").split(`\n## ${section}\n`);
  const [table] = after!.split("\n## ");
  const rows = table!.split("\n").flatMap((line) => line.match(/^\| (.+?) \|/)?.[1] ?? []);
  return rows.flatMap((events) => [...events.matchAll(/`([^`]+)`/g)].map(([, event]) => event!));
}

test.each([
  ["error", "Errors in the log"],
  ["warn", "Warnings in the log"],
] as const)(
  "docs/runbooks/alarms.md has a line for each %s that the product logs, and none for another",
  (level, section) => expect(explained(section).toSorted()).toEqual(logged(level)),
);

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const repository = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

/** Events that the product logs at level `error`; `${round}` stands for each of its rounds. */
function loggedErrors(): string[] {
  const sources = globSync("packages/*/src/**/*.ts", { cwd: repository }).filter(
    (path) => !/(\.test|\/test-[^/]*)\.ts$/.test(path),
  );
  const events = sources.flatMap((path) =>
    [...read(path).matchAll(/\blog\.error\(\s*["`]([^"`]+)["`]/g)].map(([, event]) => event!),
  );
  const named = events.flatMap((event) =>
    event.includes("${round}")
      ? ["reconcile", "sweep"].map((round) => event.replace("${round}", round))
      : [event],
  );
  return [...new Set(named)].toSorted();
}

test("docs/runbooks/alarms.md has a line for each error that the product logs, and none for another", () => {
  const [, table] = read("docs/runbooks/alarms.md").split("## Errors in the log");
  const rows = table!.split("\n").flatMap((line) => line.match(/^\| (.+?) \|/)?.[1] ?? []);
  const explained = rows.flatMap((events) => [...events.matchAll(/`([^`]+)`/g)].map(([, event]) => event!));
  expect(explained.toSorted()).toEqual(loggedErrors());
});

import { expect, test } from "vitest";
import { tellFailure } from "./failure.ts";

const data = "/srv/strongroom/data";

test.each([
  ["a file", Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })],
  ["a quota", Object.assign(new Error("EDQUOT: disk quota exceeded, write"), { code: "EDQUOT" })],
  [
    "initdb",
    new Error("initdb could not make the database", {
      cause: Object.assign(new Error("Command failed"), {
        stderr: "could not write: No space left on device",
      }),
    }),
  ],
  [
    "a start of PostgreSQL",
    new Error("PostgreSQL did not start: it ended.\nFATAL: … No space left on device"),
  ],
  [
    "a migration",
    new Error("migration 0001.sql failed", {
      cause: Object.assign(new Error("could not extend file"), { code: "53100" }),
    }),
  ],
])("of a full disk is told in words with what to do, when it met %s", (_, error) => {
  expect(tellFailure(error, data)).toBe(
    `The disk of ${data} is full, or its user's quota is used up. Nothing that was accepted is lost: free space and start again.\n`,
  );
});

test("of ours is shown with its causes", () => {
  const told = tellFailure(new Error("it broke", { cause: new Error("because of that") }), data);
  expect(told).toMatch(/^Strongroom failed\.\nError: it broke\n[^]*because of that/);
});

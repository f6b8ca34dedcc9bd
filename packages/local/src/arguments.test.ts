import { describe, expect, test } from "vitest";
import { readArguments } from "./arguments.ts";

const usage = "How it is used.\n";
const refused = (...given: string[]) => `Not understood: ${given.join(" ")}\n\nHow it is used.`;

describe("a command that takes paths", () => {
  const read = (...given: string[]) => readArguments(given, { usage, takesPaths: true });

  test.each([
    [[], { help: false, paths: [] }],
    [["a.jpg", "b"], { help: false, paths: ["a.jpg", "b"] }],
    [["--help"], { help: true, paths: [] }],
    [["-h"], { help: true, paths: [] }],
    [["--", "--help"], { help: false, paths: ["--help"] }],
  ])("reads %j", (given, expected) => expect(read(...given)).toEqual(expected));

  test.each([[["--fast"]], [["a.jpg", "--fast"]], [["--help=yes"]]])("refuses %j", (given) =>
    expect(() => read(...given)).toThrow(refused(...given)),
  );
});

test.each([[["7010"]], [["--port", "7010"]]])("a command that takes none refuses %j", (given) =>
  expect(() => readArguments(given, { usage, takesPaths: false })).toThrow(refused(...given)),
);

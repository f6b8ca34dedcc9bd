import { describe, expect, it } from "vitest";
import { jsonLog, silentLog } from "./log.ts";

function record() {
  const lines: string[] = [];
  return {
    lines,
    log: jsonLog({ process: "test" }, (line) => void lines.push(line)),
    last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown>,
  };
}

describe("a line of the log", () => {
  it("is one line of JSON: the event first, then level and time, then whose log it is, then its fields", () => {
    const { lines, log, last } = record();
    log.info("document.stored", { sizeBytes: 7, text: "two\nlines" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\{"event":"document\.stored","level":"info","at":"\d{4}-.*Z","process":"test","sizeBytes":7,[^\n]*\}\n$/,
    );
    expect(last()).toMatchObject({ text: "two\nlines" });
  });

  it("bears its level", () => {
    const { log, last } = record();
    for (const level of ["info", "warn", "error"] as const) {
      log[level]("something.happened");
      expect(last()).toMatchObject({ event: "something.happened", level });
    }
  });

  it("tells an error with its code and all of its causes, and without the stack", () => {
    const { log, last } = record();
    const root = Object.assign(new TypeError("refused"), { code: "ECONNREFUSED" });
    log.error("step.failed", {
      error: new Error("no answer", { cause: new Error("no connection", { cause: root }) }),
    });
    expect(last()["error"]).toBe(
      "Error: no answer <- Error: no connection <- TypeError: refused [ECONNREFUSED]",
    );
  });

  it("leaves out what is undefined and shows what is null", () => {
    const { log, last } = record();
    log.info("something.happened", { there: null, gone: undefined });
    expect(last()).toHaveProperty("there", null);
    expect(last()).not.toHaveProperty("gone");
  });
});

it("a silent log keeps nothing and fails at nothing", () => {
  for (const level of ["info", "warn", "error"] as const)
    expect(silentLog[level]("something.happened", { error: new Error("no") })).toBeUndefined();
});

import { describe, expect, test } from "vitest";
import { readWish } from "./wish.ts";

describe("the command line of a rehearsed restore", () => {
  test("is what the promise is made of, unless asked otherwise", () => {
    expect(readWish(["--record"])).toEqual({
      documents: 10_000,
      bytes: 30_000,
      forgotten: 100,
      record: true,
    });
    expect(readWish(["--documents", "50", "--forgotten", "0"])).toMatchObject({
      documents: 50,
      forgotten: 0,
    });
    expect(readWish(["--record", "--documents", "20000"]).documents).toBe(20_000);
  });

  test.each([
    [["--record", "--documents", "9999"]],
    [["--record", "--bytes", "29999"]],
    [["--record", "--forgotten", "99"]],
    [["--record", "--documents", "many"]],
    [["--documents", "-1"]],
    [["--fast"]],
  ])("refuses %j", (args) => {
    expect(() => readWish(args)).toThrow();
  });
});

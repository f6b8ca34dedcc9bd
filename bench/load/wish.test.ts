import { describe, expect, it } from "vitest";
import { readWish } from "./wish.ts";

describe("the command line of a load", () => {
  it("is every scenario but soak for half a minute, unless asked otherwise", () => {
    expect(readWish([])).toMatchObject({
      names: ["steady", "flood", "backlog"],
      seconds: { steady: 30, flood: 30, backlog: 30 },
      whole: { proof: "load", size: "small" },
      record: false,
    });
  });

  it("is in full what the promises say: 15 minutes of open loop, 10 without a processor", () => {
    expect(readWish(["--full", "--record", "--seed", "6"])).toMatchObject({
      seconds: { steady: 15 * 60, flood: 30, backlog: 2 * 10 * 60 },
      whole: { proof: "load", size: "full" },
      record: true,
      seed: 6,
    });
  });

  it("is small when one scenario is shorter than in full, and none when one is missing or shorter than small", () => {
    expect(readWish(["--minutes", "20", "--record"]).whole).toEqual({ proof: "load", size: "full" });
    expect(readWish(["--minutes", "19", "--record"]).whole).toEqual({ proof: "load", size: "small" });
    expect(readWish(["--minutes", "0.4"]).whole).toBeNull();
    expect(readWish(["--full", "--scenario", "steady", "--scenario", "backlog"]).whole).toBeNull();
  });

  it("is an hour for soak, and no proof for less", () => {
    const soak = readWish(["--scenario", "soak", "--record"]);
    expect(soak).toMatchObject({ seconds: { soak: 3_600 }, whole: { proof: "soak" } });
    expect(readWish(["--scenario", "soak", "--minutes", "59"]).whole).toBeNull();
  });

  it.each([
    [["--record", "--minutes", "0.4"]],
    [["--record", "--scenario", "steady"]],
    [["--record", "--scenario", "soak", "--minutes", "59"]],
    [["--full", "--minutes", "1"]],
    [["--full", "--scenario", "soak"]],
    [["--scenario", "storm"]],
    [["--minutes", "0"]],
    [["--minutes", "many"]],
    [["--seed", "x"]],
    [["--quick"]],
  ])("refuses %j", (args) => {
    expect(() => readWish(args)).toThrow();
  });
});

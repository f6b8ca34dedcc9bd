import { scrypt, type ScryptOptions, scryptSync } from "node:crypto";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { peakOver, residentMb, resetPeak, watchTogether } from "./memory-peak.ts";

const hash = promisify<string, string, number, ScryptOptions, Buffer>(scrypt);

/** Takes 67 MB and gives them back before anybody else has a turn. */
const takeAndGiveBack = async () => void scryptSync("", "", 32, { N: 2 ** 16, r: 8, maxmem: 2 ** 27 });

describe("the memory that something takes", () => {
  it("is found though it was given back within one turn", async (context) => {
    if (!resetPeak()) context.skip("this kernel does not let the high-water mark begin anew");
    expect(await peakOver(takeAndGiveBack)).toBeGreaterThan(60);
  });

  it("is none when it was taken before", async () => {
    await takeAndGiveBack();
    expect(await peakOver(async () => {})).toBeLessThan(30);
  });

  it("of processes together is seen though it was given back before the end", async () => {
    const watch = watchTogether(async () => [process.pid]);
    const before = residentMb(process.pid).now;
    await hash("", "", 32, { N: 2 ** 17, r: 8, maxmem: 2 ** 28 }); // 134 MB, for some hundred milliseconds
    expect(watch.stop() - before).toBeGreaterThan(100);
  });
});

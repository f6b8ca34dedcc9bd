import { beforeEach, describe, expect, it } from "vitest";
import { FairShare } from "./fair-share.ts";

let nowMs = 0;
const clock = { monotonicMs: () => nowMs };
beforeEach(() => (nowMs = 5_000));

const shareOf = (decoders: number) => new FairShare(clock, decoders);

/** Fresh documents of two companies, of which nothing is in hand any more. */
function meet(share: FairShare): void {
  share.take("documents", "flood")();
  share.take("documents", "other")();
}

describe("a worker's share for one company", () => {
  it("is all of it while nobody else's documents come in", () => {
    const share = shareOf(2);
    share.take("documents", "flood");
    share.take("late", "flood");
    share.take("documents", "flood");
    expect(share.allowsLate).toBe(true);
  });

  it("is half of the decoders while others' do: late rests as long as that much of what it served last is in hand", () => {
    const share = shareOf(4);
    meet(share);
    const [first, second] = [share.take("late", "flood"), share.take("documents", "flood")];
    expect(share.allowsLate).toBe(false);
    first();
    expect(share.allowsLate).toBe(true);
    second();
    expect(share.allowsLate).toBe(true);
  });

  it.each([1, 2, 3])("is one document of %i decoders", (decoders) => {
    const share = shareOf(decoders);
    meet(share);
    expect(share.allowsLate).toBe(true);
    share.take("late", "flood");
    expect(share.allowsLate).toBe(false);
  });

  it("counts what a company has in hand, from whichever queue, and nobody else's", () => {
    const share = shareOf(2);
    meet(share);
    const done = share.take("late", "flood");
    share.take("documents", "other");
    done();
    expect(share.allowsLate).toBe(true);
    share.take("documents", "flood");
    expect(share.allowsLate).toBe(false);
  });

  it("is all of it again a second after others' documents were the last to meet its own", () => {
    const share = shareOf(2);
    meet(share);
    nowMs += 500;
    share.take("late", "flood");
    nowMs += 499;
    expect(share.allowsLate).toBe(false);
    nowMs += 1;
    expect(share.allowsLate).toBe(true);
  });

  it("is not halved by what comes more than a second apart, or over-age", () => {
    const share = shareOf(2);
    share.take("documents", "other")();
    nowMs += 1_000;
    share.take("documents", "flood");
    share.take("late", "older")();
    share.take("late", "flood");
    expect(share.allowsLate).toBe(true);
  });

  it("keeps late waiting for a second at most, since others' over-age documents may stand behind", () => {
    const share = shareOf(2);
    share.take("late", "flood");
    nowMs += 999;
    meet(share);
    expect(share.allowsLate).toBe(false);
    nowMs += 1;
    expect(share.allowsLate).toBe(true);
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { FairShare } from "./fair-share.ts";

let nowMs = 0;
const clock = { monotonicMs: () => nowMs };
beforeEach(() => {
  nowMs = 5_000;
  aside = 0;
});

let aside = 0;
const shareOf = (decoders: number) => new FairShare(clock, { decoders, aside: () => aside });

/** Fresh documents of two companies, of which nothing is in hand any more. */
function meet(share: FairShare): void {
  share.take("documents", "flood")(true);
  share.take("documents", "other")(true);
}

describe("a worker's share for one company", () => {
  it("is all of it while nobody else's documents come in", () => {
    const share = shareOf(2);
    share.take("documents", "flood");
    share.take("late", "flood");
    share.take("documents", "flood");
    expect(share.lateRoom).toBe(Infinity);
  });

  it("is half of the decoders while others' do: late has room for what is left of that to whom it served last", () => {
    const share = shareOf(8);
    meet(share);
    expect(share.lateRoom).toBe(4);
    const [first, second] = [share.take("late", "flood"), share.take("documents", "flood")];
    expect(share.lateRoom).toBe(2);
    share.take("late", "flood");
    share.take("late", "flood");
    expect(share.lateRoom).toBe(0);
    first(true);
    expect(share.lateRoom).toBe(1);
    second(true);
    expect(share.lateRoom).toBe(2);
  });

  it.each([1, 2, 3])("is one document of %i decoders", (decoders) => {
    const share = shareOf(decoders);
    meet(share);
    expect(share.lateRoom).toBe(1);
    share.take("late", "flood");
    expect(share.lateRoom).toBe(0);
  });

  it("does not count what is aside: that takes nobody's decoder", () => {
    const share = shareOf(2);
    meet(share);
    share.take("late", "flood");
    aside = 1;
    expect(share.lateRoom).toBe(1);
  });

  it("counts what a company has in hand, from whichever queue, and nobody else's", () => {
    const share = shareOf(2);
    meet(share);
    const done = share.take("late", "flood");
    share.take("documents", "other");
    done(true);
    expect(share.lateRoom).toBe(1);
    share.take("documents", "flood");
    expect(share.lateRoom).toBe(0);
  });

  it("is all of it again a second after others' documents were the last to meet its own", () => {
    const share = shareOf(2);
    meet(share);
    nowMs += 500;
    share.take("late", "flood");
    nowMs += 499;
    expect(share.lateRoom).toBe(0);
    nowMs += 1;
    expect(share.lateRoom).toBe(Infinity);
  });

  it("is not halved by what comes more than a second apart, or over-age", () => {
    const share = shareOf(2);
    share.take("documents", "other")(true);
    nowMs += 1_000;
    share.take("documents", "flood");
    share.take("late", "older")(true);
    share.take("late", "flood");
    expect(share.lateRoom).toBe(Infinity);
  });

  it.each([
    { wasWork: true, rests: 1_000 },
    { wasWork: false, rests: 50 },
  ])(
    "lets one more in $rests ms after one, if that was work: $wasWork; others' over-age documents may stand behind",
    ({ wasWork, rests }) => {
      const share = shareOf(2);
      share.take("documents", "flood");
      share.take("late", "flood")(wasWork);
      nowMs += rests - 1;
      meet(share);
      expect(share.lateRoom).toBe(0);
      nowMs += 1;
      expect(share.lateRoom).toBe(1);
    },
  );
});

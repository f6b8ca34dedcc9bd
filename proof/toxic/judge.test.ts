import { describe, expect, test } from "vitest";
import { breaks } from "./breaks.ts";
import { isProven, missesFor } from "./broken.ts";
import { childrenOf, judge } from "./judge.ts";
import type { Seen, ToxicResult } from "./run.ts";
import { judgeEnd } from "./send-through-pool.ts";
import { sendInRounds } from "./send-in-rounds.ts";
import { families } from "./toxic-file.ts";
import { readWish } from "./wish.ts";

const took = (count: number, tookMs: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), end: "stored", tookMs, misses: [] }));

const toxic: ToxicResult = {
  family: "drawing bombs",
  kind: "pdf",
  end: "no_preview timed_out",
  children: 2,
  tookMs: 9,
  misses: [],
};
const good: Seen = {
  toxic: [toxic],
  honest: took(100, 200),
  baseline: took(20, 100),
  crashedHonest: 0,
  dead: [],
  peakBytes: 399_999_999,
};
const judgeOf = (change: Partial<Seen>) => judge({ ...good, ...change }, [toxic.family]);
const missesOf = (change: Partial<Seen>) => judgeOf(change).misses.join();

describe("a run of any size", () => {
  test("at its limits has no miss", () => {
    expect(judgeOf({})).toMatchObject({ misses: [], peakMb: 400, mostChildren: 2, honest: { slowdown: 2 } });
  });

  test.each<[string, Partial<Seen>, string]>([
    ["the processor took as much memory as the limit", { peakBytes: 400_000_000 }, "took 400 MB"],
    ["nobody could measure its memory", { peakBytes: 0 }, "took 0 MB"],
    ["a file was given up, and the log tells of no child", { toxic: [{ ...toxic, children: 1 }] }, "no log"],
    ["honest documents took longer beside hostile ones", { honest: took(100, 201) }, "2.01 times as slow"],
    ["no honest document was timed", { honest: [] }, "NaN times as slow"],
    ["a process died", { dead: ["the processor process died"] }, "died"],
    ["an honest document cost a child", { crashedHonest: 1 }, "cost a decode child"],
  ])("misses it when %s", (_when, change, miss) => {
    expect(missesOf(change)).toContain(miss);
  });

  test("misses it when of a family nothing was sent: all of them, unless asked otherwise", () => {
    expect(missesOf({ toxic: [] })).toBe("nothing was sent of the family drawing bombs");
    const others = families.filter((family) => family !== toxic.family);
    expect(judge(good).misses).toEqual(others.map((family) => `nothing was sent of the family ${family}`));
    const every = families.map((family) => ({ ...toxic, family, kind: `${family}, one of them` }));
    expect(judge({ ...good, toxic: every }).misses).toEqual([]);
  });

  test("counts a file that was sent again once, and its miss once", () => {
    const missed = { ...toxic, misses: ["ended wrongly"] };
    expect(judgeOf({ toxic: [missed, missed, missed] })).toMatchObject({
      toxicFiles: 1,
      toxicSent: 3,
      misses: ["drawing bombs: pdf ended wrongly"],
    });
  });

  test("counts each child that died, and the one after them; of a file that was given up there is none", () => {
    const [stored, timedOut] = ["stored", "no_preview timed_out"];
    expect([0, 1, 3].map((died) => childrenOf(stored, died))).toEqual([1, 2, 4]);
    expect([0, 1, 2].map((died) => childrenOf(timedOut, died))).toEqual([0, 1, 2]);
  });

  test("lets a file cost three children, and not four", () => {
    const file = { ends: ["stored"] } as unknown as Parameters<typeof judgeEnd>[0];
    expect(judgeEnd(file, "stored", 3)).toEqual([]);
    expect(judgeEnd(file, "stored", 4)).toEqual(["cost 4 children"]);
  });
});

describe("hostile files", () => {
  const sent = async (seed: number, enoughAt: number) => {
    let count = 0;
    const isEnough = () => count >= enoughAt;
    return await sendInRounds(["a", "b", "c", "d", "e"], { seed, isEnough }, async (file) => {
      count += 1;
      return file;
    });
  };

  test("are each sent once, though there was enough before", async () => {
    expect((await sent(1, 0)).toSorted()).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("begin again until there is enough, all of them in each round, and stop in the midst of one", async () => {
    const all = await sent(1, 13);
    expect(all).toHaveLength(13);
    for (const round of [all.slice(0, 5), all.slice(5, 10)])
      expect(round.toSorted()).toEqual(["a", "b", "c", "d", "e"]);
    expect(all.slice(5, 10)).not.toEqual(all.slice(0, 5));
    expect(await sent(1, 13)).toEqual(all);
    expect(await sent(7, 13)).not.toEqual(all);
  });

  test("that are none are no run", async () => {
    await expect(sendInRounds([], { seed: 1, isEnough: () => false }, async () => 1)).rejects.toThrow();
  });
});

test("a gate proves something when each broken build was found, and the whole one had no miss", () => {
  const [whole, broken] = [
    { name: null, misses: [] },
    { name: "no deadline", misses: ["x"] },
  ];
  expect(isProven([whole, broken])).toBe(true);
  expect(isProven([whole, broken, { ...broken, misses: [] }])).toBe(false);
  expect(isProven([{ ...whole, misses: ["x"] }, broken])).toBe(false);
});

test.each(breaks)(
  "$name is found by what shows that, not by a system that does nothing any more",
  ({ name, shows, says }) => {
    const shown: Record<string, string> = {
      "no pixel limit": "ended “no_preview broken”, not “rejected too_many_pixels”",
      "no deadline": "ended “not ended”, not “stored” or “no_preview timed_out”",
      "types by what the client says": "ended “no_preview broken”, not “rejected unsupported_type”",
      "metadata kept": "carries “Exif”",
    };
    const miss = `family: ${shows[0]} ${shown[name]}`;
    expect(missesFor(says, [miss])).toEqual([miss]);
    expect(missesFor(says, [miss, "an honest document ended “stored” carries “Exif”"])).toEqual([miss]);
    for (const idle of [
      "the processor process died",
      "an honest document ended “not ended” ",
      "an honest document ended “no_preview timed_out” ",
    ])
      expect(missesFor(says, [miss, idle])).toEqual([]);
    for (const crashed of [
      "ended “no_preview decoder_crashed”, not “rejected unsupported_type”",
      "ended “not sent: fetch failed”, not “stored”",
    ])
      expect(missesFor(says, [`family: ${shows[0]} ${crashed}`])).toEqual([]);
  },
);

describe("the command line", () => {
  test("is small unless asked otherwise; full is the promise's thousand honest documents", () => {
    expect(readWish([])).toMatchObject({ size: "small", seed: 1, amount: { honest: 150, cuts: 4 } });
    expect(readWish(["--full", "--record"])).toMatchObject({
      size: "full",
      record: true,
      amount: { honest: 1_000, cuts: 64, changes: 32 },
    });
    expect(readWish(["--full", "--record", "--honest", "2000"]).amount.honest).toBe(2_000);
    expect(readWish(["--honest", "5"]).amount.honest).toBe(5);
    expect(readWish(["--broken", "--record", "--seed", "3"])).toMatchObject({ broken: true, seed: 3 });
  });

  test.each([
    [["--record", "--honest", "149"]],
    [["--record", "--full", "--honest", "999"]],
    [["--honest", "many"]],
    [["--honest", ""]],
    [["--seed", "-1"]],
    [["--broken", "--honest", "5"]],
    [["--broken", "--full"]],
    [["--broken", "--corpus", "photos"]],
    [["--fast"]],
  ])("refuses %j", (args) => {
    expect(() => readWish(args)).toThrow();
  });
});

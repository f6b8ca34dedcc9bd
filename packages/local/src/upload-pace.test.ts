import { beforeEach, describe, expect, it } from "vitest";
import { UploadPace } from "./upload-pace.ts";

let nowMs = 0;
let sleepers: { untilMs: number; wake: () => void }[] = [];
let begun: string[] = [];
let pace: UploadPace;
const clock = {
  monotonicMs: () => nowMs,
  sleep: (delayMs: number) =>
    new Promise<void>((wake) => void sleepers.push({ untilMs: nowMs + delayMs, wake })),
};
beforeEach(() => {
  [nowMs, sleepers, begun] = [5_000, [], []];
  pace = new UploadPace(clock, { perSecond: 10, burst: 2, timesAlone: 2, patienceMs: 1_000 });
});

const soon = () => new Promise((resolve) => setImmediate(resolve));
/** Lets time pass in steps of 10 ms; another company, if any, sends one upload every 200 ms. */
async function pass(ms: number, other: string | null = "other"): Promise<void> {
  for (const until = nowMs + ms; nowMs < until;) {
    nowMs += 10;
    if (other !== null && nowMs % 200 === 0) await pace.begin(other);
    const due = sleepers.filter(({ untilMs }) => untilMs <= nowMs);
    sleepers = sleepers.filter(({ untilMs }) => untilMs > nowMs);
    for (const { wake } of due) wake();
    await soon();
  }
}
async function send(tenantId: string, ...names: string[]): Promise<void> {
  for (const name of names) void pace.begin(tenantId).then(() => begun.push(name));
  await soon();
}

describe("uploads of a company", () => {
  it("begin at once while it is alone", async () => {
    await send("flood", "1", "2", "3", "4", "5");
    expect(begun).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("begin at their pace while another's come in, in their order, and the other's at once", async () => {
    await send("other", "o");
    await send("flood", "1", "2", "3", "4", "5");
    expect(begun).toEqual(["o", "1", "2"]);
    await pass(100);
    expect(begun).toEqual(["o", "1", "2", "3"]);
    await send("other", "p");
    expect(begun).toEqual(["o", "1", "2", "3", "p"]);
    await pass(200);
    expect(begun).toEqual(["o", "1", "2", "3", "p", "4", "5"]);
  });

  it("do not pass those that wait, though it is time for another one", async () => {
    await send("other", "o");
    await send("flood", "1", "2", "3");
    nowMs += 100;
    await send("flood", "4");
    expect(begun).toEqual(["o", "1", "2"]);
    await pass(10);
    expect(begun).toEqual(["o", "1", "2", "3"]);
  });

  it("begin when their patience is over, in whichever place of the line", async () => {
    await send("other", "o");
    await send("flood", ...Array.from({ length: 20 }, (_, n) => `${n}`));
    await pass(900);
    expect(begun).toHaveLength(1 + 2 + 9);
    await pass(110);
    expect(begun).toHaveLength(1 + 20);
  });

  it("begin so many times faster once nobody else's came for a second, and not all at once", async () => {
    pace = new UploadPace(clock, { perSecond: 2, burst: 2, timesAlone: 4, patienceMs: 60_000 });
    await send("other", "o");
    await send("flood", "1", "2", "3", "4", "5", "6", "7", "8");
    await pass(990, null);
    expect(begun).toEqual(["o", "1", "2", "3"]);
    await pass(20, null);
    expect(begun).toEqual(["o", "1", "2", "3", "4", "5"]);
    await send("flood", "9");
    expect(begun).toHaveLength(6);
    await pass(1_500, null);
    expect(begun).toEqual(["o", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    await send("flood", "10", "11", "12", "13");
    expect(begun).toHaveLength(14);
  });

  it("keep their pace as long as another's come in, also when all of theirs came at once", async () => {
    pace = new UploadPace(clock, { perSecond: 10, burst: 2, timesAlone: 4, patienceMs: 60_000 });
    await send("other", "o");
    await send("flood", ...Array.from({ length: 50 }, (_, n) => `${n}`));
    await pass(3_010);
    expect(begun).toHaveLength(1 + 2 + 30);
  });

  it("may come together after a rest, as many as the burst", async () => {
    await send("other", "o");
    await send("flood", "1", "2");
    await pass(1_000);
    await send("flood", "3", "4", "5");
    expect(begun).toEqual(["o", "1", "2", "3", "4"]);
  });
});

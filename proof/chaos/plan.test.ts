import { seededRandom } from "@strongroom/local/test-random";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { drawClientFault } from "./client-faults.ts";
import { leastStruck } from "../check/judge-harm.ts";
import { resetWithin } from "./fault-proxy.ts";
import { drawPages, type PageSort, sha256 } from "./pages.ts";
import { standingPoints } from "./controls.ts";
import { planDocuments, planInjuries, planStops, sparesRelay } from "./plan.ts";
import { demandsOf } from "./demands-of.ts";
import { readWish } from "./sizes.ts";

const { sizes } = readWish([]);
/** Of so many connections at least, and of so many large requests. */
const clientsOf = (asked: number, large: number) => {
  const [few, some, many] = [0.03, 0.04, 0.05].map((share) => ({ share, asked })) as [object, object, object];
  return {
    refuse: few,
    "reset request": { share: 0.04, asked: large },
    "reset answer": few,
    latency: some,
    "drop-answer": few,
    replay: many,
    split: few,
  };
};
const rates = { error: 0.05, lost: 0.03, unacknowledged: 0.05, duplicate: 0.1, drop: 0.005 };

describe("the plan of a run", () => {
  test("is the same for the same seed, and another for another", () => {
    const planned = (seed: number) => {
      const random = seededRandom(seed);
      return JSON.stringify([planDocuments(sizes, random), planInjuries(sizes, random)]);
    };
    expect(planned(7)).toBe(planned(7));
    expect(planned(7)).not.toBe(planned(8));
  });

  test("has so many kills, every other injury, and each manner of a client", () => {
    const injuries = planInjuries(sizes, seededRandom(1));
    expect(injuries.filter((kind) => kind.startsWith("kill"))).toHaveLength(20);
    const full = readWish(["--full"]).sizes;
    const all = planInjuries(full, seededRandom(1));
    expect(all.filter((kind) => kind === "freeze processor")).toHaveLength(30);
    expect(all.filter((kind) => sparesRelay.has(kind)).length).toBeGreaterThan(full.relayKills);
    expect(all.filter((kind) => kind === "kill postgres").length).toBeGreaterThanOrEqual(20);
    expect(all.filter((kind) => kind === "restart workers")).toHaveLength(7);
    for (const kind of [
      "freeze processor",
      "database away",
      "push away",
      "stream away",
      "disk full",
      "restart main",
      "restart workers",
      "objects away",
      "keys away",
    ])
      expect(injuries).toContain(kind);
    const documents = planDocuments(sizes, seededRandom(1));
    expect(documents).toHaveLength(300);
    expect(new Set(documents.map(({ manner }) => manner)).size).toBe(9);
    const bad = documents
      .flatMap(({ sorts }) => sorts)
      .filter((sort) => ["text", "gif", "cut"].includes(sort));
    expect(bad.length / documents.length).toBeGreaterThan(0.04);
    expect(documents.filter(({ sorts }) => sorts.includes("large"))).toHaveLength(2);
  });

  test("has processors stand still at each point as often as at any other", () => {
    const points = planStops(readWish(["--full"]).sizes, seededRandom(1));
    for (const point of standingPoints) expect(points.filter((one) => one === point)).toHaveLength(30);
    expect(new Set(planStops(sizes, seededRandom(2)))).toEqual(new Set(standingPoints));
    expect(planStops({ stops: 2 }, seededRandom(3))).toHaveLength(2);
  });

  test("lets four of five connections through unharmed", () => {
    const random = seededRandom(3);
    const kinds = Array.from({ length: 2_000 }, () => drawClientFault(random).kind);
    const unharmed = kinds.filter((kind) => kind === "none").length / kinds.length;
    expect(unharmed).toBeGreaterThan(0.7);
    expect(unharmed).toBeLessThan(0.8);
    expect(new Set(kinds).size).toBe(7);
  });

  test("strikes connections as often as is promised of them", () => {
    const random = seededRandom(3);
    const drawn = Array.from({ length: 10_000 }, () => drawClientFault(random));
    for (const [fault, { share }] of Object.entries(demandsOf(sizes).faults!.clients)) {
      const [kind, side] = fault.split(" ");
      const struck = drawn.filter(
        (one) => one.kind === kind && (one.kind !== "reset" || one.side === side),
      ).length;
      expect(struck).toBeGreaterThanOrEqual(leastStruck(share, drawn.length));
    }
    for (const one of drawn)
      if (one.kind === "reset") expect(one.afterBytes).toBeLessThan(resetWithin[one.side]);
  });
});

describe("the command line", () => {
  test("is the size for every change, unless asked otherwise", () => {
    expect(readWish([]).sizes).toMatchObject({ documents: 300, kills: 20, timeDivisor: 15 });
    expect(readWish(["--full"]).sizes).toMatchObject({
      documents: 10_000,
      drivers: 200,
      stops: 210,
      relayKills: 100,
      restarts: 7,
      timeDivisor: 1,
      outageMs: 300_000,
    });
    expect(readWish(["--full", "--divide", "15"]).sizes).toMatchObject({ kills: 252, outageMs: 20_000 });
    expect(readWish(["--documents", "2000", "--seed", "9"])).toMatchObject({
      seed: 9,
      sizes: { drivers: 80 },
    });
  });

  test("demands at full size what is promised, at a smaller one what was planned, or half of it where luck has a part", () => {
    expect(demandsOf(readWish(["--full", "--divide", "15"]).sizes)).toEqual({
      attacks: true,
      stops: 200,
      relayKills: 100,
      kills: {
        together: 200,
        each: { processor: 63, relay: 7, notifier: 14, main: 21, postgres: 20, decoder: 7 },
      },
      restarts: 5,
      faults: { rates, asked: 5_000, apart: 2_500, clients: clientsOf(5_000, 1_250) },
    });
    expect(demandsOf(readWish([]).sizes)).toEqual({
      attacks: true,
      stops: 3,
      relayKills: 2,
      kills: {
        together: 17,
        each: { processor: 6, relay: 1, notifier: 1, main: 2, postgres: 2, decoder: 0 },
      },
      restarts: 1,
      faults: { rates, asked: 150, apart: 75, clients: clientsOf(150, 37) },
    });
  });

  test("keeps what is as large as its size says", () => {
    expect(readWish(["--record"]).record).toBe(true);
    expect(readWish(["--record", "--full", "--divide", "15"]).record).toBe(true);
    expect(readWish(["--record", "--broken"]).record).toBe(true);
  });

  test.each([
    ["--documents", "many"],
    ["--kills", "-1"],
    ["--divide", "0"],
    ["--sed", "1"],
    ["--record", "--documents=50"],
    ["--record", "--kills=19"],
    ["--record", "--divide=16"],
    ["--record", "--full", "--documents=9999"],
    ["--record", "--full", "--kills=251"],
    ["--record", "--broken", "--only=relay"],
  ])("refuses %s %s", (...args) => {
    expect(() => readWish(args)).toThrow();
  });
});

test("no two pages are alike, and each can be read as what it is", async () => {
  const pages = await drawPages(seededRandom(1));
  for (const [sort, format] of [
    ["photo", "jpeg"],
    ["png", "png"],
    ["webp", "webp"],
  ] as [PageSort, string][]) {
    const [one, other] = [pages.make(sort), pages.make(sort)];
    expect(sha256(one.bytes)).not.toBe(sha256(other.bytes));
    expect((await sharp(one.bytes).metadata()).format).toBe(format);
    await sharp(other.bytes).raw().toBuffer();
  }
  expect(pages.make("pdf").bytes.toString()).toMatch(/^%PDF-1\.4[^]*%%EOF\n$/);
  expect(pages.make("large").bytes.length).toBeGreaterThan(16 * 1024 * 1024);
  await expect(sharp(pages.make("cut").bytes, { failOn: "truncated" }).raw().toBuffer()).rejects.toThrow();
});

import { seededRandom } from "@strongroom/local/test-random";
import { expect, it } from "vitest";
import { poisson, runOpenLoop } from "./open-loop.ts";

it("arrivals come at the rate that was asked for, and the same from the same seed", () => {
  const arrivals = poisson(seededRandom(7), 50, 1_000);
  expect(arrivals).toEqual(poisson(seededRandom(7), 50, 1_000));
  expect(arrivals).not.toEqual(poisson(seededRandom(8), 50, 1_000));
  // 50,000 are expected, and a Poisson count strays by its square root: five of them, 2.2 %.
  expect(Math.abs(arrivals.length - 50_000)).toBeLessThan(5 * Math.sqrt(50_000));
  expect(arrivals).toEqual(arrivals.toSorted((a, b) => a - b));
  expect(arrivals.at(-1)).toBeLessThan(1_000_000);
});

it("waits between arrivals are exponential: as many are shorter than the mean as should be", () => {
  const arrivals = poisson(seededRandom(3), 10, 5_000);
  const waits = arrivals.map((at, index) => at - (arrivals[index - 1] ?? 0));
  const shorter = waits.filter((ms) => ms < 100).length / waits.length;
  expect(shorter).toBeCloseTo(1 - 1 / Math.E, 1);
});

it("nobody waits for the answers of those before: all are under way while none is answered", async () => {
  const answers = Promise.withResolvers<void>();
  const started: number[] = [];
  const running = runOpenLoop([0, 1, 2, 3], async (index) => {
    if (started.push(index) === 4) answers.resolve(); // in a closed loop the fourth would never start
    await answers.promise;
  });
  expect(await running).toHaveLength(4);
});

it("what starts late because the sender was held up counts from when it was due", async () => {
  const sent = await runOpenLoop([0, 10], async (index) => {
    if (index > 0) return;
    const until = performance.now() + 120;
    while (performance.now() < until); // the sender's own thread is blocked past the second arrival
  });
  expect(sent[1]!.endedMs - sent[1]!.intendedMs).toBeGreaterThanOrEqual(110);
});

it("a failure is an outcome like any other", async () => {
  const [sent] = await runOpenLoop([0], () => Promise.reject(new Error("refused")));
  expect(sent).toMatchObject({ answer: null, error: { message: "refused" } });
});

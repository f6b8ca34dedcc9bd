import { expect, test } from "vitest";
import { measureMachine, refuseSlow } from "./pace.ts";

const idle = 1.05;

test.each([idle, 6])(
  "what came at its pace is judged, up to a fifth later, on a machine %s times as slow",
  (slowness) => {
    expect(() => refuseSlow("with everything there", 20_300, 20_000, slowness)).not.toThrow();
    expect(() => refuseSlow("with everything there", 24_000, 20_000, slowness)).not.toThrow();
  },
);

test("what came later on a slow machine is not judged, says what was too slow, and to run it alone", () => {
  expect(() => refuseSlow("while keys was away", 24_001, 20_000, 1.3)).toThrow(
    /^NOT JUDGED: the machine was 1\.3 times as slow as an idle one: while keys was away, documents that were to come within 20\.0 s took 24\.0 s; run this file again with nothing beside it$/,
  );
});

test("what came later on a machine that is not slow was held up by the system, and that is no excuse for it", () => {
  expect(() => refuseSlow("while keys was away", 24_001, 20_000, idle)).toThrow(
    /^while keys was away, the system took 24\.0 s for documents that were to come within 20\.0 s, and the machine was not slow before or after$/,
  );
});

test("a machine is slow when most spins say so, not when one of them lost a slice of the processor", () => {
  const measure = (...spins: number[]) => measureMachine(() => spins.shift() ?? idle);
  expect(measure(1.3, 6, 1.4, 1.3)).toBe(idle);
  expect(measure(1.3, 6, 1.4, 1.3, 1.25)).toBe(1.25);
  expect(measureMachine()).toBeGreaterThanOrEqual(1);
});

import { expect, test } from "vitest";
import { refuseSlow } from "./pace.ts";

test("what came at its pace is judged, up to a fifth later", () => {
  expect(() => refuseSlow("with everything there", 20_300, 20_000)).not.toThrow();
  expect(() => refuseSlow("with everything there", 24_000, 20_000)).not.toThrow();
});

test("what came later is not judged, says what was too slow, and to run it alone", () => {
  expect(() => refuseSlow("while keys was away", 24_001, 20_000)).toThrow(
    /^NOT JUDGED: the machine was too slow: while keys was away, documents that were to come within 20\.0 s took 24\.0 s; run this file again with nothing beside it$/,
  );
});

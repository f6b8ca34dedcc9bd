import { DamagedObject, Refusal } from "@strongroom/core/errors";
import { expect, test } from "vitest";
import { explainReplay } from "./tombstones-check.ts";

const tombstone = new DamagedObject("t/one/two/tombstone");
const sealed = new DamagedObject("v/aa/one/two/1/original-1");
const step = (...errors: Error[]) => new Error("a replay failed", { cause: new AggregateError(errors) });

test("a damaged tombstone is named by its file, once, and nothing else with it", () => {
  const told = explainReplay(step(tombstone, sealed, tombstone), "/data");
  expect(told).toBeInstanceOf(Refusal);
  expect(told.message.split("\n").slice(0, -1)).toEqual([
    "/data/objects/tombstones/one/two/tombstone@ is damaged.",
  ]);
});

test("an object that was to be removed and is damaged is no tombstone: the fault is told as it is", () => {
  const fault = step(sealed);
  expect(explainReplay(fault, "/data")).toBe(fault);
});

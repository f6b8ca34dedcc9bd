import type { Processed } from "@strongroom/core/document/process-document";
import { LoneFault } from "@strongroom/core/errors";
import { expect, it } from "vitest";
import { handledAs } from "./handled-as.ts";
import type { Handled } from "./loop.ts";

it.each<[Processed, Handled]>([
  ["stored", "well"],
  ["retried", "fault"],
  ["failed", "fault"],
  ["rejected", "neither"],
  ["released", "neither"],
  ["lost", "neither"],
  ["skipped", "neither"],
])("a document that was %s says %s of what the work needs", (outcome, handled) => {
  expect(handledAs({ outcome })).toBe(handled);
});

it.each(["retried", "failed"] as const)(
  "a document that was %s by a fault of its own says nothing",
  (outcome) => {
    expect(handledAs({ outcome, fault: new LoneFault("its page is lost") })).toBe("neither");
    expect(handledAs({ outcome, fault: new Error("the vault is away") })).toBe("fault");
  },
);

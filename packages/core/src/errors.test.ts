import { describe, expect, it } from "vitest";
import { Refusal, unreachable } from "./errors.ts";

describe("a refusal", () => {
  it("says what happened in words and in a code; unless told otherwise, it is the request that cannot be done", () => {
    const refusal = new Refusal("too_wet", "The paper is wet. Dry it.");
    expect(refusal).toBeInstanceOf(Error);
    expect(refusal).toMatchObject({
      name: "Refusal",
      code: "too_wet",
      message: "The paper is wet. Dry it.",
      status: 422,
      retryAfterSeconds: null,
      details: {},
    });
  });

  it("may say when to come again, and hold facts for the next step", () => {
    const refusal = new Refusal("busy", "Come again.", {
      status: 503,
      retryAfterSeconds: 60,
      details: { missing: [2] },
    });
    expect(refusal).toMatchObject({ status: 503, retryAfterSeconds: 60, details: { missing: [2] } });
  });
});

it("a branch that the compiler excluded, but data reached, is a fault that shows the value", () => {
  expect(() => unreachable("surprise" as never)).toThrow('unexpected value: "surprise"');
});

import { expect, it } from "vitest";
import { releaseMemory } from "./release-memory.ts";

it("empties bytes that have their memory for themselves, and leaves alone those that share it", () => {
  const [whole, shared] = [new Uint8Array(100).fill(1), new Uint8Array(100).fill(2)];
  for (const bytes of [whole, shared.subarray(0, 50), new Uint8Array(0)]) releaseMemory(bytes);
  expect([whole.length, shared.length]).toEqual([0, 100]);
});

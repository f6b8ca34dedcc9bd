import { describe, expect, test } from "vitest";
import { isAboutMemory } from "./out-of-memory.ts";

describe("a decoder's complaint", () => {
  test.each(["vips_malloc: out of memory", "Failed to allocate 9 bytes", "Aborted(OOM)", "std::bad_alloc"])(
    "is about memory: %s",
    (message) => expect(isAboutMemory(message)).toBe(true),
  );

  test.each(["VipsJpeg: premature end", "memory access out of bounds", "no room"])(
    "is about the file: %s",
    (message) => expect(isAboutMemory(message)).toBe(false),
  );
});

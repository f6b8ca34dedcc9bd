import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createFingerprint, fingerprintOf } from "./fingerprint.ts";

it("is the same for the same bytes, however they are cut", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (chunks) => {
      const fingerprint = createFingerprint();
      for (const chunk of chunks) fingerprint.update(chunk);
      expect(fingerprint.digest()).toBe(fingerprintOf(Buffer.concat(chunks)));
    }),
  );
});

it("is another when a bit is, when bytes are missing or added, or when they changed places", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 5_000 }), fc.nat(), fc.nat(7), (bytes, at, bit) => {
      const place = at % bytes.length;
      const flipped = bytes.with(place, bytes[place]! ^ (1 << bit));
      const others = [
        flipped,
        bytes.subarray(1),
        bytes.subarray(0, -1),
        Buffer.concat([bytes, Buffer.alloc(1)]),
      ];
      for (const other of others) expect(fingerprintOf(other)).not.toBe(fingerprintOf(bytes));
    }),
  );
  const [first, second] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  expect(fingerprintOf(Buffer.concat([first, second]))).not.toBe(
    fingerprintOf(Buffer.concat([second, first])),
  );
});

it("is worth nothing to another process", () => {
  const script = `import { fingerprintOf } from ${JSON.stringify(join(import.meta.dirname, "fingerprint.ts"))};
    process.stdout.write(fingerprintOf(Buffer.from("same")));`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect(stdout).toMatch(/^[0-9a-f]{32}$/);
  expect(stdout).not.toBe(fingerprintOf(Buffer.from("same")));
});

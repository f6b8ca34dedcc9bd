import { Duplex, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { shield } from "./shield.ts";

const noGate = { take: () => {}, give: () => {}, end: () => {} };
const abandon = () => {};
const echo = (change: object = {}) => {
  const inner: Duplex = new Duplex({
    autoDestroy: false,
    read: () => {},
    write: (chunk, _encoding, done) => (inner.push(chunk), done()),
    final: (done) => (inner.push(null), done()),
    ...change,
  });
  return inner;
};
const through = (stream: Duplex) => pipeline(Readable.from([Buffer.from("letter")]), stream, buffer);

describe("a shielded stream", () => {
  test("passes what the inner stream makes", async () => {
    expect(String(await through(shield(echo(), noGate, abandon)))).toBe("letter");
  });

  test("fails when the inner stream closes without a word", async () => {
    const silent = echo({ final: () => void silent.emit("close") });
    await expect(through(shield(silent, noGate, abandon))).rejects.toThrow("broken or cut short");
  });

  test("fails with the inner stream's reason when it has one", async () => {
    const reason = new Error("bad tag");
    const failing = echo({ final: () => void failing.destroy(reason) });
    await expect(through(shield(failing, noGate, abandon))).rejects.toMatchObject({ cause: reason });
  });

  test.each(["write", "final"])(
    "calls it broken, whatever the reason, when the inner stream answers its %s with one",
    async (call) => {
      const reason = new Error("unencryptedDataKey has not been set");
      const done = (...given: unknown[]) => (given.at(-1) as (error: Error) => void)(reason);
      await expect(through(shield(echo({ [call]: done }), noGate, abandon))).rejects.toMatchObject({
        name: "NotAsStored",
        cause: reason,
      });
    },
  );

  test.each(["take", "give", "end"] as const)(
    "fails with what its gate throws on %s, and abandons the inner stream",
    async (at) => {
      const refused = new Error("refused");
      let abandoned = 0;
      const throwing = {
        ...noGate,
        [at]: () => {
          throw refused;
        },
      };
      await expect(through(shield(echo(), throwing, () => (abandoned += 1)))).rejects.toBe(refused);
      expect(abandoned).toBe(1);
    },
  );
});

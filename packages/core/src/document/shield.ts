import { Duplex } from "node:stream";
import { NotAsStored } from "../errors.ts";

/** Looks at bytes on their way in, on their way out, and at the end; whatever it throws destroys the stream. */
export type Gate = { take(chunk: Uint8Array): void; give(chunk: Uint8Array): void; end(): void };

/**
 * A stream that behaves, around one of the Encryption SDK's that does not: it may be destroyed at any time, keeps
 * backpressure, lets nothing pass that the gate refuses, and never ends cleanly when the inner stream fails or closes early.
 * `abandon` is called once when it is destroyed or done.
 */
export function shield(inner: Duplex, gate: Gate, abandon: () => void): Duplex {
  const outer = new Duplex({
    read: () => void inner.resume(),
    write: (chunk: Uint8Array, _encoding, done) =>
      guarded(() => {
        gate.take(chunk);
        inner.write(chunk, (error) => (error ? fail(error) : done()));
      }),
    final: (done) => void inner.end((error?: Error | null) => (error ? fail(error) : done())),
    destroy: (error, done) => {
      abandon();
      done(error);
    },
  });
  const guarded = (step: () => void) => {
    try {
      step();
    } catch (error) {
      outer.destroy(error as Error);
    }
  };
  const fail = (cause?: unknown) =>
    void outer.destroy(new NotAsStored("the message is broken or cut short", { cause }));
  let ended = false;
  inner.on("data", (chunk: Uint8Array) =>
    guarded(() => {
      gate.give(chunk);
      if (!outer.push(chunk)) inner.pause();
    }),
  );
  inner.once("end", () =>
    guarded(() => {
      ended = true;
      gate.end();
      outer.push(null);
    }),
  );
  inner.on("error", fail);
  // The SDK may close without a word; a reason, if there is one, comes in the same turn.
  inner.once("close", () => setImmediate(() => ended || fail()));
  return outer;
}

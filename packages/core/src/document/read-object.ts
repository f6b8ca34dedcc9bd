import type { Readable } from "node:stream";
import { heeding } from "../abort.ts";
import type { Ports } from "../ports/ports.ts";

/** An object's bytes; a store that hangs is given up when the signal aborts, and what it still sends is thrown away. */
export async function readObject(
  { objects }: Pick<Ports, "objects">,
  key: string,
  signal: AbortSignal,
): Promise<Readable> {
  const reading = objects.read(key);
  try {
    return await heeding(signal, reading);
  } catch (error) {
    reading.then(
      (late) => late.destroy(),
      () => {},
    );
    throw error;
  }
}

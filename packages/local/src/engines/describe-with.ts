import { afterAll, beforeAll, describe, inject } from "vitest";
import type { Engine, Stoppable } from "./engines.ts";
import type {} from "./setup.ts";

/**
 * Declares tests that need an engine. `running` gives the engine from the first `beforeAll` inside on; nest the calls
 * for tests that need several. Where the engine cannot run the tests are skipped, and their title tells why.
 *
 *     describeWith(kafkaBroker, (kafka) => {
 *       streamContract("Kafka", async () => createKafkaStream({ brokers: kafka().bootstrap, … }));
 *     });
 */
export function describeWith<E extends Stoppable>(
  engine: Engine<E>,
  declare: (running: () => E) => void,
): void {
  const missing = inject("engines")[engine.name];
  const why = missing === null ? "" : ` (skipped: ${missing})`;
  describe.skipIf(missing !== null)(`with ${engine.name}${why}`, () => {
    let started: E | undefined;
    beforeAll(async () => {
      started = await engine.start();
    });
    afterAll(async () => await started?.stop());
    declare(() => {
      if (!started) throw new Error(`${engine.name} is not running`);
      return started;
    });
  });
}

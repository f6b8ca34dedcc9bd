import type { EmbeddedPorts } from "@strongroom/core/embedded/connect";
import type { Faults } from "@strongroom/core/embedded/faults";

/** How often each dependency fails, as shares of its calls. */
export type FlakyRates = {
  /** Calls of object store and keys that fail before anything is done. */
  error: number;
  /** Batches that the stream does not take. */
  unacknowledged: number;
  /** Calls that are done, but whose answer is lost. */
  lost: number;
  /** Deliveries of queue and stream that come twice. */
  duplicate: number;
  /** Events of the object store that never come. */
  drop: number;
};

type Method = (...given: never[]) => Promise<unknown>;
/** Draws whether a fault of this share strikes now. */
type Strikes = (share: number) => boolean;

/** Faults of queue and stream as their adapters have them built in. */
export function adapterFaults(rates: FlakyRates, strikes: Strikes, random: () => number): Faults {
  return {
    // a draw that nothing is below: while faults are off, no probability strikes
    random: () => (strikes(1) ? random() : 0.999_999),
    duplicate: rates.duplicate,
    reorder: rates.duplicate,
    delayMs: 0,
    loseAnswer: rates.lost,
  };
}

/** The same ports, whose objects, keys and stream fail as those of a cloud do. */
export function flakyPorts(ports: EmbeddedPorts, rates: FlakyRates, strikes: Strikes): EmbeddedPorts {
  const flaky =
    <Work extends Method>(work: Work) =>
    async (...given: Parameters<Work>) => {
      if (strikes(rates.error)) throw new Error("chaos: the service failed");
      const answer = await work(...given);
      if (strikes(rates.lost)) throw new Error("chaos: the answer was lost");
      return answer as Awaited<ReturnType<Work>>;
    };
  const { objects, keys, stream } = ports;
  return {
    ...ports,
    objects: {
      ...objects,
      head: flaky((key) => objects.head(key)),
      read: flaky((key) => objects.read(key)),
      put: flaky((key, body, options) => objects.put(key, body, options)) as typeof objects.put,
      listParts: flaky((key, uploadId) => objects.listParts(key, uploadId)),
      completeParts: flaky((key, uploadId, parts) => objects.completeParts(key, uploadId, parts)),
      remove: flaky((key, versionId) => objects.remove(key, versionId)),
    } as typeof objects,
    keys: { ...keys, generateDataKey: flaky((context) => keys.generateDataKey(context)) } as typeof keys,
    stream: {
      ...stream,
      publish: async (topic, records) =>
        strikes(rates.unacknowledged)
          ? records.map(() => ({ acknowledged: false, error: new Error("chaos: the stream failed") }))
          : await stream.publish(topic, records),
    },
  };
}

import type { Readable } from "node:stream";
import type { EmbeddedPorts } from "@strongroom/core/embedded/connect";
import type { Faults } from "@strongroom/core/embedded/faults";
import type { FaultKind, FaultyPort } from "../check/demands.ts";

/** How often each dependency fails, as shares of what goes over the wire. */
export type FlakyRates = Record<FaultKind, number> & {
  /** Requests to objects, queue, keys and push that fail before anything is done. */
  error: number;
  /** Requests to them that are done, but whose answer is lost. */
  lost: number;
  /** Batches that the stream does not take; of as many again, the acknowledgement is lost. */
  unacknowledged: number;
  /** Deliveries of queue and stream that come twice. */
  duplicate: number;
  /** Events of the object store that never come. */
  drop: number;
};

/** What a network and what is behind it do to one process. */
export type Weather = {
  /** Draws whether this fault strikes this port now. */
  strikes: (port: FaultyPort, kind: FaultKind) => boolean;
  /** Resolves when requests to this service are answered again; rejects when a client would not wait any longer. */
  untilThere: (service: "objects" | "keys") => Promise<void>;
  /** Called when this is done and nobody has been told yet: the moment to die. */
  done: (what: "publish" | "push") => void;
  /** Passes the time before try `tries + 1`. */
  rest: (tries: number) => Promise<void>;
};

/** As AWS's SDK does it by itself: a port hears of a fault when three requests have failed. */
const tries = 3;

class ChaosFault extends Error {
  override readonly name = "ChaosFault";
  /** So the SDK tells of it in the end. */
  readonly code = "ECONNRESET";
}

/** What an adapter's own faults are drawn by; `count` is told of each delivery whether it comes twice. */
export type Dice = {
  isBad: () => boolean;
  random: () => number;
  count: (kind: FaultKind, struck: boolean) => void;
};

/** Faults of queue or stream as their adapters have them built in: they ask for a probability, and at once for the draw. */
export function adapterFaults(rates: FlakyRates, { isBad, random, count }: Dice): Faults {
  let isDelivery = false;
  return {
    random() {
      const [counts, bad] = [isDelivery, isBad()];
      isDelivery = false;
      if (!bad) return 0.999_999; // a draw that nothing is below: while faults are off, no probability strikes
      const drawn = random();
      if (counts) count("duplicate", drawn < rates.duplicate);
      return drawn;
    },
    get duplicate() {
      isDelivery = true;
      return rates.duplicate;
    },
    reorder: rates.duplicate,
    delayMs: 0,
    loseAnswer: 0, // here, `flakyPorts` loses them
  };
}

/** The same ports over a bad line; each request fails by itself, and most are made again before anybody notices. */
export function flakyPorts(ports: EmbeddedPorts, weather: Weather): EmbeddedPorts {
  const { strikes } = weather;
  const requestTo =
    (port: FaultyPort): Insist =>
    async (work) => {
      if (strikes(port, "error")) throw new ChaosFault("the service failed");
      const answer = await work();
      if (!strikes(port, "lost")) return answer;
      (answer as Partial<Readable> | null)?.destroy?.();
      throw new ChaosFault("the answer was lost");
    };
  const insistOn = (port: FaultyPort): Insist => {
    const request = requestTo(port);
    return async (work) => {
      for (let tried = 1; ; tried++) {
        try {
          return await request(work);
        } catch (error) {
          if (!(error instanceof ChaosFault) || tried === tries) throw error;
          await weather.rest(tried);
        }
      }
    };
  };
  const push = requestTo("push");
  return {
    ...ports,
    objects: flakyObjects(ports.objects, weather, requestTo("objects"), insistOn("objects")),
    queue: flakyQueue(ports.queue, insistOn("queue")),
    keys: flakyKeys(ports.keys, weather, insistOn("keys")),
    stream: flakyStream(ports.stream, weather),
    push: {
      ...ports.push,
      send: async (notice) => {
        const answer = await push(() => ports.push.send(notice));
        weather.done("push");
        return answer;
      },
    },
  };
}

type Insist = <Answer>(work: () => Promise<Answer>) => Promise<Answer>;

function flakyObjects(
  objects: EmbeddedPorts["objects"],
  { untilThere }: Weather,
  request: Insist,
  insist: Insist,
): EmbeddedPorts["objects"] {
  const call: Insist = async (work) => {
    await untilThere("objects");
    return await insist(work);
  };
  async function* all<One>(list: AsyncIterable<One>): AsyncIterable<One> {
    await call(() => Promise.resolve());
    yield* list;
  }
  return {
    ...objects,
    startParts: (key, grant) => call(() => objects.startParts(key, grant)),
    listParts: (key, uploadId) => call(() => objects.listParts(key, uploadId)),
    completeParts: (key, uploadId, parts) => call(() => objects.completeParts(key, uploadId, parts)),
    abortParts: (key, uploadId) => call(() => objects.abortParts(key, uploadId)),
    head: (key) => call(() => objects.head(key)),
    read: (key) => call(() => objects.read(key)),
    put: async (key, body, options) => {
      await untilThere("objects");
      return await request(() => objects.put(key, body, options)); // a body that streams can be sent once
    },
    remove: (key, versionId) => call(() => objects.remove(key, versionId)),
    list: (prefix, range) => all(objects.list(prefix, range)),
    listUploads: (prefix) => all(objects.listUploads(prefix)),
  };
}

function flakyQueue(queue: EmbeddedPorts["queue"], insist: Insist): EmbeddedPorts["queue"] {
  return {
    send: (name, body, options) => insist(() => queue.send(name, body, options)),
    receive: (name, wish) => insist(() => queue.receive(name, wish)),
    extend: (name, receipt, visibilityMs) => insist(() => queue.extend(name, receipt, visibilityMs)),
    acknowledge: (name, receipt) => insist(() => queue.acknowledge(name, receipt)),
    release: (name, receipt, delayMs) => insist(() => queue.release(name, receipt, delayMs)),
    receiveDead: (name, wish) => insist(() => queue.receiveDead(name, wish)),
    acknowledgeDead: (name, receipt) => insist(() => queue.acknowledgeDead(name, receipt)),
    depth: (name) => insist(() => queue.depth(name)),
  };
}

function flakyKeys(
  keys: EmbeddedPorts["keys"],
  { untilThere }: Weather,
  insist: Insist,
): EmbeddedPorts["keys"] {
  const call: Insist = async (work) => {
    await untilThere("keys");
    return await insist(work);
  };
  return {
    generateDataKey: (context) => call(() => keys.generateDataKey(context)),
    openDataKey: (wrapped, context) => call(() => keys.openDataKey(wrapped, context)),
    sign: (bytes) => call(() => keys.sign(bytes)),
    publicKeys: () => keys.publicKeys(),
  };
}

function flakyStream(stream: EmbeddedPorts["stream"], { strikes, done }: Weather): EmbeddedPorts["stream"] {
  return {
    ...stream,
    publish: async (topic, records) => {
      const failed = (why: string) =>
        records.map(() => ({ acknowledged: false, error: new ChaosFault(why) }));
      if (strikes("stream", "unacknowledged")) return failed("the stream failed");
      const outcomes = await stream.publish(topic, records);
      if (outcomes.some(({ acknowledged }) => acknowledged)) done("publish");
      return strikes("stream", "unacknowledged") ? failed("the acknowledgement was lost") : outcomes;
    },
  };
}

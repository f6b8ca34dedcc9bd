import { NoSuchObject } from "@strongroom/core/errors";
import type { KeyRange, ObjectFacts, ObjectKey, Objects } from "@strongroom/core/ports/objects";
import { writeUploadEvent } from "@strongroom/core/ports/upload-event";
import type { Readable } from "node:stream";
import type { Ledger } from "./ledger.ts";
import type { Process } from "./process.ts";
import type { Queues } from "./queues.ts";
import type { Schedule } from "./schedule.ts";

/** What lies in an object: of its bytes the simulation knows only which they are. */
export type Content = { sha256: string; sizeBytes: number; sealed: Sealed | null };
/** A sealed artefact: whose plaintext it holds, for whom, and under which data key. */
export type Sealed = {
  plaintextSha256: string;
  tenantId: string;
  documentId: string;
  artefact: string;
  attempt: string;
  dataKey: number;
};
type Stored = ObjectFacts & { content: Content };

/** Not made anew by each process: a generator function has a shape of its own, which would keep its world in the old heap. */
const noUploads: Objects["listUploads"] = async function* () {};

/** Staging and vault: objects are written once under a key, and whoever comes second is told so. */
export class ObjectStore {
  readonly objects = new Map<ObjectKey, Stored>();
  readonly #schedule: Schedule;
  readonly #queues: Queues;
  readonly #ledger: Ledger;
  #versions = 0;

  constructor(schedule: Schedule, queues: Queues, ledger: Ledger) {
    this.#schedule = schedule;
    this.#queues = queues;
    this.#ledger = ledger;
  }

  connect(process: Process): Objects {
    const call = <T>(what: string, act: () => T) => this.#schedule.call(process, what, act);
    const notModelled = () => Promise.reject(new Error("uploads in parts are not simulated"));
    return {
      signPut: async (grant) => ({
        method: "PUT",
        url: grant.key,
        headers: { "x-sha256": grant.sha256, "content-length": String(grant.sizeBytes) },
        expiresAt: new Date(this.#schedule.now + grant.expiresInMs),
      }),
      startParts: notModelled,
      signPart: notModelled,
      listParts: notModelled,
      completeParts: notModelled,
      abortParts: notModelled,
      head: (key) => call(`head ${key}`, () => this.objects.get(key) ?? null),
      read: (key) => call(`read ${key}`, () => this.#read(key)),
      put: (key, body, { signal }) =>
        call(`put ${key}`, () => {
          if (signal?.aborted && this.#schedule.random.chance(0.5)) throw signal.reason;
          const stored = this.put(key, body as unknown as Content);
          if (signal?.aborted) throw signal.reason; // the store had it all by then
          return stored;
        }),
      remove: (key, versionId) => call(`remove ${key}`, () => this.#remove(key, versionId)),
      list: (prefix, range) => this.#list(process, prefix, range),
      listUploads: noUploads,
    };
  }

  put(key: ObjectKey, content: Content): { outcome: "created"; versionId: string } | { outcome: "exists" } {
    if (this.objects.has(key)) return { outcome: "exists" };
    const versionId = `v${++this.#versions}`;
    const { sha256, sizeBytes } = content;
    this.objects.set(key, {
      key,
      sha256,
      sizeBytes,
      content,
      versionId,
      compositeSha256: null,
      mediaType: "application/octet-stream",
      metadata: {},
      modifiedAt: new Date(this.#schedule.now),
    });
    if (key.startsWith("s/")) this.#announce(key);
    return { outcome: "created", versionId };
  }

  /** A notification may get lost, come late, or come twice; over the storm it comes. */
  #announce(key: ObjectKey): void {
    const { random, strength } = this.#schedule;
    const copies = strength > 0 ? random.pick([0, 1, 1, 1, 2]) : 1;
    if (copies === 0) this.#schedule.count("event lost");
    for (let copy = 0; copy < copies; copy++)
      this.#queues.put("ingest", writeUploadEvent(key), random.chance(0.2) ? random.below(90_000) : 0);
  }

  #read(key: ObjectKey): Readable {
    const found = this.objects.get(key);
    if (!found) throw new NoSuchObject(key);
    return found.content as unknown as Readable;
  }

  #remove(key: ObjectKey, versionId: string): void {
    const found = this.objects.get(key);
    if (found?.versionId !== versionId) return;
    this.objects.delete(key);
    this.#ledger.removed.push({ key, modifiedAt: found.modifiedAt.getTime(), at: this.#schedule.now });
  }

  async *#list(
    process: Process,
    prefix: string,
    { after = "", upTo = "~" }: KeyRange = {},
  ): AsyncIterable<ObjectFacts> {
    const isWanted = ({ key }: ObjectFacts) => key.startsWith(prefix) && key > after && key <= upTo;
    const listed = await this.#schedule.call(process, `list ${prefix}`, () =>
      [...this.objects.values()].filter(isWanted),
    );
    yield* listed.toSorted((one, other) => (one.key < other.key ? -1 : 1));
  }
}

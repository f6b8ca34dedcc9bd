import type { Carrier } from "@strongroom/core/document/process-document";
import type { RenderedPage, Renderer, Rendering } from "@strongroom/core/document/rendering";
import type { Content } from "./objects.ts";
import type { Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Schedule } from "./schedule.ts";

/** Bytes without bytes: what a worker fetches, decodes and seals is told by name alone. */
export class Bytes {
  readonly #schedule: Schedule;
  readonly #plans: ReadonlyMap<string, Plan>;
  /** Which document a file on a worker's disk belongs to. */
  readonly #files = new Map<string, string>();
  readonly #crashes = new Map<string, number>();
  #numbers = 0;

  constructor(schedule: Schedule, plans: ReadonlyMap<string, Plan>) {
    this.#schedule = schedule;
    this.#plans = plans;
  }

  readonly carrier: Carrier = {
    inScratch: (_parent, work) => work(`scratch-${++this.#numbers}`),
    fetch: async ({ objects }, from, path) => {
      const { sha256, sizeBytes } = (await objects.read(from)) as unknown as Content;
      this.#files.set(path, from.split("/")[2]!);
      return { sha256, fingerprint: sha256, sizeBytes };
    },
    sealer: {
      put: async ({ objects }, key, sizeBytes, { to, artefact, dataKey, signal }) => {
        const content: Content = {
          sha256: sealedDigest(++this.#numbers),
          sizeBytes,
          sealed: { ...to, plaintextSha256: artefact.sha256, dataKey: numberOf(dataKey) },
        };
        const options = { sizeBytes, mediaType: "application/octet-stream", signal };
        const stored = await objects.put(key, content as never, options);
        return stored.outcome === "exists"
          ? stored
          : { ...stored, sent: { ...content, fingerprint: content.sha256 } };
      },
      readBack: async ({ objects }, key) => {
        const { sha256, sizeBytes } = (await objects.read(key)) as unknown as Content;
        return { fingerprint: sha256, sizeBytes };
      },
    },
  };

  renderer(process: Process): Renderer {
    return {
      isolation: { network: "none", memoryLimit: "rlimit", environment: "empty" },
      render: (path) => this.#schedule.call(process, `decode ${path}`, () => this.#decode(path)),
      close: async () => {},
    };
  }

  #decode(path: string): Rendering {
    const documentId = this.#files.get(path)!;
    const decoded = this.#plans.get(documentId)!.decoded;
    const before = this.#crashes.get(documentId) ?? 0;
    switch (decoded) {
      case "fault of ours":
        if (this.#schedule.strength > 0) throw new Error("no child could be started");
        return photo([]);
      case "one crash":
        this.#crashes.set(documentId, before + 1);
        return before === 0 ? { outcome: "crashed", mediaType: "image/jpeg", cause: "killed" } : photo([]);
      case "crashes":
        return { outcome: "crashed", mediaType: "image/jpeg", cause: "timed_out" };
      case "unsupported":
        return { outcome: "unsupported", detected: "a GIF picture" };
      case "original only":
        return photo([]);
      case "one page":
        return photo([page]);
    }
  }
}

/** Of all histories, so none may empty it: it shares its memory. */
const image = { bytes: new Uint8Array(2).subarray(1), width: 20, height: 30 };
const page: RenderedPage = { rendition: image, thumbnail: image, legibility: [] };

function photo(pages: RenderedPage[]): Rendering {
  return {
    outcome: "rendered",
    mediaType: "image/jpeg",
    pageCount: 1,
    pages,
    text: null,
    captureFacts: null,
  };
}

/** A digest that no other message has: the ciphertext of the same plaintext differs each time. */
export function sealedDigest(number: number): string {
  return number.toString(16).padStart(64, "5ea1ed");
}

/** A data key holds its own number. */
export function dataKeyOf(number: number): Uint8Array {
  const key = new Uint8Array(32);
  for (let at = 0; at < 4; at++) key[at] = number >>> (24 - 8 * at);
  return key;
}

/** The number of a data key, in the clear or wrapped. */
export function numberOf(key: Uint8Array): number {
  let number = 0;
  for (let at = 0; at < 4; at++) number = number * 256 + key[at]!;
  return number;
}

import { Readable } from "node:stream";
import type { Objects } from "./ports/objects.ts";
import type { Ports } from "./ports/ports.ts";
import { stepMs } from "./step-time.ts";

/**
 * The store for one step that begins now: a call that has no answer after the time of a step rejects, and so does each later
 * one at once. What the ports do themselves is for whoever has nothing else to do: S3's client waits for 30 s and tries three
 * times, and a directory on a disk that hangs answers never. A page of a list, and a chunk of what is read, count as calls.
 * Calls are left, not taken back: one that comes to its end later has done what the next round would have done.
 */
export function storeForStep({ objects, clock }: Pick<Ports, "objects" | "clock">): Objects {
  let silence: Error | null = null;
  const inTime = async <T>(call: () => Promise<T>): Promise<T> => {
    if (silence) throw silence;
    const answered = new AbortController();
    const overdue = clock.sleep(stepMs, answered.signal).then(() => {
      if (!answered.signal.aborted) throw (silence ??= noAnswer());
    });
    try {
      return (await Promise.race([call(), overdue])) as T; // of `overdue` only the error comes before the answer
    } finally {
      answered.abort();
    }
  };
  return {
    ...objects,
    startParts: (...given) => inTime(() => objects.startParts(...given)),
    listParts: (...given) => inTime(() => objects.listParts(...given)),
    completeParts: (...given) => inTime(() => objects.completeParts(...given)),
    abortParts: (...given) => inTime(() => objects.abortParts(...given)),
    head: (key) => inTime(() => objects.head(key)),
    put: (...given) => inTime(() => objects.put(...given)),
    remove: (...given) => inTime(() => objects.remove(...given)),
    read: async (key) => Readable.from(each(await inTime(() => objects.read(key)), inTime)),
    list: (prefix, range) => each(objects.list(prefix, range), inTime),
    listUploads: (prefix) => each(objects.listUploads(prefix), inTime),
  };
}

/** It counts as an outage (`isOutage`): whoever meets it leaves the rest of its step to the next round. */
const noAnswer = () =>
  Object.assign(new Error(`the store has not answered for ${stepMs} ms`), { code: "ETIMEDOUT" });

type InTime = <T>(call: () => Promise<T>) => Promise<T>;

/** What hangs is told to end as well, and not waited for: it does so when its page or chunk comes, or its store gives it up. */
async function* each<T>(items: AsyncIterable<T>, inTime: InTime): AsyncGenerator<T> {
  const pages = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await inTime(() => pages.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    pages.return?.().catch(() => {});
  }
}

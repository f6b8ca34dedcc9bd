import { Readable } from "node:stream";
import type { Clock } from "./clock.ts";
import type { Objects } from "./ports/objects.ts";
import type { Ports } from "./ports/ports.ts";
import { stepMs } from "./step-time.ts";

/**
 * The store for one step that begins now (docs/decisions/0020-sweeps-apart.md says why). A call that has no answer after
 * `stepMs` rejects, and so does each later one at once; none is waited for after twice `stepMs` of the step. What is next in a list,
 * and a chunk of what is read, count as calls. The two that work while their caller waits have all that is left of the step: to join
 * parts, whose silence is one document's fault and no outage, and to find the next open upload of a prefix among all of them.
 * Calls are left, not taken back: one that comes to its end later has done what the next round would have done.
 */
export function storeForStep({ objects, clock }: Pick<Ports, "objects" | "clock">): Objects {
  const endsMs = clock.monotonicMs() + 2 * stepMs;
  let silence: Error | null = null;
  const inTime: InTime = async (call, { mostMs = stepMs, late = noAnswer, drop = () => {} } = {}) => {
    const leftMs = endsMs - clock.monotonicMs();
    if (leftMs <= 0) silence ??= outage(`the step has asked the store for ${2 * stepMs} ms`);
    if (silence) throw silence;
    return await within(clock, Math.min(mostMs, leftMs), call, drop, late);
  };
  const noAnswer = (ms: number) => (silence ??= outage(`the store has not answered for ${ms} ms`));
  const patiently: InTime = (call, options) => inTime(call, { ...options, mostMs: Infinity });
  return {
    ...objects,
    startParts: (...given) => inTime(() => objects.startParts(...given)),
    listParts: (...given) => inTime(() => objects.listParts(...given)),
    completeParts: (...given) => patiently(() => objects.completeParts(...given), { late: stillJoining }),
    abortParts: (...given) => inTime(() => objects.abortParts(...given)),
    head: (key) => inTime(() => objects.head(key)),
    put: (...given) => inTime(() => objects.put(...given)),
    remove: (...given) => inTime(() => objects.remove(...given)),
    read: async (key) => wrapped(await inTime(() => objects.read(key), { drop: close }), inTime),
    list: (prefix, range) => each(objects.list(prefix, range), inTime),
    listUploads: (prefix) => each(objects.listUploads(prefix), patiently),
  };
}

/** It counts as one (`isOutage`): whoever meets it leaves the rest of its step to the next round. */
const outage = (message: string) => Object.assign(new Error(message), { code: "ETIMEDOUT" });
const stillJoining = (ms: number) => new Error(`the store has not joined the parts within ${ms} ms`);

/** `late` makes the error of a call without an answer after so many milliseconds, `drop` gets the answer that comes later. */
type Patience<T> = { mostMs?: number; late?: (ms: number) => Error; drop?: (answer: T) => void };
type InTime = <T>(call: () => Promise<T>, patience?: Patience<T>) => Promise<T>;

const overdue = Symbol("overdue");

async function within<T>(
  clock: Clock,
  ms: number,
  call: () => Promise<T>,
  drop: (answer: T) => void,
  late: (ms: number) => Error,
): Promise<T> {
  const answered = new AbortController();
  const answer = call();
  try {
    const first = await Promise.race([answer, clock.sleep(ms, answered.signal).then(() => overdue)]);
    if (first !== overdue) return first as T;
  } finally {
    answered.abort();
  }
  answer.then(drop, () => {});
  throw late(Math.round(ms));
}

/** What is read, chunk by chunk in time; its source ends with it, even when nobody read of it. */
function wrapped(source: Readable, inTime: InTime): Readable {
  return Readable.from(each(source, inTime)).once("close", () => close(source));
}

/** What becomes of it concerns nobody any more. */
const close = (body: Readable): void => void body.on("error", () => {}).destroy();

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

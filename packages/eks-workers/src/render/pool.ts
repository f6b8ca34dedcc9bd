import { mkdtemp, open, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MediaType, Renderer, Rendering } from "@strongroom/core/document/rendering";
import { releaseMemory } from "@strongroom/core/ports/release-memory";
import { type Log, silentLog } from "@strongroom/core/log";
import { checkAnswer, type CheckedAnswer } from "./answer.ts";
import { compileCode } from "./compiled-code.ts";
import { type Assignment, Decoder, type JobEnd } from "./decoder.ts";
import { type Cage, findCage } from "./isolation.ts";
import { type Patience, watchJob } from "./patience.ts";
import { type Slot, Slots } from "./slots.ts";
import { niceness } from "./share.ts";
import { describe, sniffBytes } from "./sniff.ts";

/** How a renderer is set up; everything but `concurrency` has the default that the limits name. */
export type RendererOptions = {
  /** Children at work at once, one per core; as many again may go on aside. */
  concurrency: number;
  /** Wall time of one file; 15 s. A tight try gets half. */
  deadlineMs?: number;
  /** Memory of one file, above what Node itself needs; 1 GiB. A tight try gets half. */
  memoryBytes?: number;
  /** Pages of one file that get a preview; 20. */
  previewPages?: number;
  /** Jobs after which a child is replaced, against leaks; 50. */
  jobsPerChild?: number;
  /** What a job may take before it steps aside; 1.5 s of CPU, or 7.5 s by the clock. */
  patience?: Patience;
  /** Where the empty directory that children stand in is made; the system's temporary directory. */
  scratch?: string;
  /** The module that children run; a test puts a hostile one here. */
  childEntry?: string;
  log?: Log;
};

const defaults = {
  deadlineMs: 15_000,
  memoryBytes: 1024 ** 3,
  previewPages: 20,
  jobsPerChild: 50,
  // A 12-megapixel HEIC, the dearest file that phones send every day, takes 1.0 to 1.2 s of CPU (`npm run bench -- heic`).
  patience: { cpuMs: 1_500, wallMs: 7_500 },
  scratch: tmpdir(),
  childEntry: join(import.meta.dirname, "child.ts"),
  log: silentLog,
};

/** A renderer that tells how many of its jobs take long, and left their slots to others. */
export type PooledRenderer = Renderer & { readonly aside: number };

/** Share of the deadline after which a PDF stops by itself. */
const softShare = 0.6;

/** Bytes of pictures that one answer may hold: 50 previews of 2 MB. */
const maxAnswerBytes = 100 * 1024 * 1024;

/** Finds out how well children can be shut away here, warms one per slot, and takes jobs first come, first served. */
export async function createRenderer(options: RendererOptions): Promise<PooledRenderer> {
  const settings = { ...defaults, ...options };
  const scratch = await mkdtemp(join(settings.scratch, "strongroom-render-"));
  try {
    const cage = await findCage(scratch);
    settings.log.info("renderer.isolated", { ...cage.isolation, walls: cage.layers.join(" ") });
    const compiled = await compileCode(cage, defaults.childEntry, settings.scratch);
    const pool = new RenderPool(settings, { scratch, compiled }, cage);
    await pool.warm().catch(async (error: unknown) => {
      await pool.close();
      throw error;
    });
    return pool;
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

type Settings = typeof defaults & { concurrency: number };
type Work = Pick<Assignment, "job" | "size" | "feed"> & {
  tight: boolean;
  signal?: AbortSignal | undefined;
};

/** Where children stand, and where their code lies compiled. */
type Folders = { scratch: string; compiled: string | null };

class RenderPool implements PooledRenderer {
  readonly #settings: Settings;
  readonly #folders: Folders;
  readonly #cage: Cage;
  readonly #slots: Slots;
  readonly #closing = new AbortController();
  readonly #children = new Set<Promise<Decoder>>();

  constructor(settings: Settings, folders: Folders, cage: Cage) {
    this.#settings = settings;
    this.#folders = folders;
    this.#cage = cage;
    this.#slots = new Slots(
      settings.concurrency,
      (needed) => this.#start(settings.memoryBytes, { needed }),
      this.#startFailed,
    );
  }

  get isolation() {
    return this.#cage.isolation;
  }

  get aside(): number {
    return this.#slots.aside;
  }

  warm(): Promise<void> {
    return this.#slots.warm();
  }

  async render(path: string, options: { tight: boolean; signal?: AbortSignal }): Promise<Rendering> {
    const file = await open(path);
    try {
      const sniffed = describe(await headOf(file));
      if (sniffed.mediaType === null) return { outcome: "unsupported", detected: sniffed.detected };
      return await this.#render(file, sniffed.mediaType, options);
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("the renderer is closed"));
    const children = [...this.#children].map((starting) => starting.then((decoder) => decoder.kill()));
    await Promise.allSettled(children);
    const { scratch, compiled } = this.#folders;
    for (const folder of [scratch, compiled]) if (folder) await rm(folder, { recursive: true, force: true });
  }

  async #render(
    file: FileHandle,
    mediaType: MediaType,
    { tight, signal }: { tight: boolean; signal?: AbortSignal },
  ) {
    const { size } = await file.stat();
    const softDeadlineMs = this.#deadlineMs(tight) * softShare;
    const job = {
      mediaType,
      allowance: { previewPages: this.#settings.previewPages, softDeadlineMs },
    };
    const feed = chunksOf(file, size);
    const end = await this.#run({ job, size, feed, tight, signal });
    if ("crashed" in end) return { outcome: "crashed" as const, mediaType, cause: end.crashed };
    if (end.outcome !== "fault") return end;
    // A decoder that fails in a way of its own is met like one that dies: the file is at fault, and is tried once more.
    this.#settings.log.warn("renderer.fault", { mediaType, message: end.message.split("\n")[0] });
    return { outcome: "crashed" as const, mediaType, cause: "killed" as const };
  }

  /** One job in one child; a child whose job did not end well, or stepped aside, is not asked again. */
  async #run(work: Work): Promise<CheckedAnswer | { crashed: Crash }> {
    const { tight, signal, ...assignment } = work;
    const stop = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    const slot = await this.#slots.lease(stop);
    let worn: Decoder | null = null;
    try {
      // A file that has cost a child already is in nobody's way in its second try, from the start of its own child on.
      if (tight) slot.stepAside(null);
      const decoder = await (tight ? this.#startTight() : slot.decoder());
      worn = decoder;
      const end = await this.#runPatiently(slot, decoder, {
        ...assignment,
        maxAnswerBytes,
        deadlineMs: this.#deadlineMs(tight),
        signal: stop,
      });
      const answer =
        "crashed" in end ? end : (checkAnswer(end.frame, work.job) ?? { crashed: "killed" as const });
      const isSpent = tight || slot.isAside || decoder.jobs >= this.#settings.jobsPerChild;
      if (isGood(answer) && !isSpent) worn = null;
      return answer;
    } finally {
      if (tight || slot.isAside) await worn?.kill();
      slot.release(worn);
    }
  }

  /** A job that takes long goes on aside under the same deadline, as soon as there is a place, and its slot to the next one. */
  async #runPatiently(slot: Slot, decoder: Decoder, assignment: Assignment): Promise<JobEnd> {
    if (slot.isAside) return await decoder.run(assignment);
    const stopWatching = watchJob(decoder, this.#settings.patience, () => {
      if (!slot.stepAside(decoder)) return false;
      decoder.goBehind();
      this.#settings.log.info("renderer.stepped_aside", { mediaType: assignment.job.mediaType });
      return true;
    });
    return await decoder.run(assignment).finally(stopWatching);
  }

  #deadlineMs(tight: boolean): number {
    return this.#settings.deadlineMs * (tight ? 0.5 : 1);
  }

  #startTight(): Promise<Decoder> {
    return this.#start(this.#settings.memoryBytes / 2, { nice: niceness.aside });
  }

  #start(memoryBytes: number, how: Parameters<typeof Decoder.start>[1]): Promise<Decoder> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    const { deadlineMs, jobsPerChild, childEntry } = this.#settings;
    const cpuSeconds = Math.ceil((deadlineMs * jobsPerChild) / 1_000) + 10;
    const starting = Decoder.start(
      this.#cage.command(childEntry, { memoryBytes, cpuSeconds }, this.#folders.compiled),
      how,
    );
    this.#children.add(starting);
    const forget = () => this.#children.delete(starting);
    starting.then((decoder) => decoder.exited).then(forget, forget);
    return starting;
  }

  readonly #startFailed = (error: unknown): void => {
    if (this.#closing.signal.aborted) return;
    this.#settings.log.error("renderer.child_not_started", { error: error as Error });
  };
}

function isGood(answer: CheckedAnswer | { crashed: Crash }): boolean {
  return "outcome" in answer && answer.outcome === "rendered";
}

type Crash = Extract<JobEnd, { crashed: unknown }>["crashed"];

async function headOf(file: FileHandle): Promise<Uint8Array> {
  const head = Buffer.alloc(sniffBytes);
  const { bytesRead } = await file.read(head, 0, sniffBytes, 0);
  return head.subarray(0, bytesRead);
}

/**
 * The file's bytes, exactly as many as were promised, in one buffer that is filled anew each time: fresh ones cost 4 ms of
 * collecting garbage per photo. @throws when the file became shorter meanwhile.
 */
async function* chunksOf(file: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.allocUnsafe(Math.min(256 * 1024, size));
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, size - at), at);
    if (bytesRead === 0) throw new Error("the file became shorter while it was read");
    yield chunk.subarray(0, bytesRead);
    at += bytesRead;
  }
  releaseMemory(chunk);
}

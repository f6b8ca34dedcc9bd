import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable } from "node:stream";
import { setTimeout as after } from "node:timers/promises";
import { countDown } from "./deadline.ts";
import { encodeHeader, type Frame, FrameReader } from "./frames.ts";
import type { Command } from "./isolation.ts";
import { type Job, readyHeader } from "./job.ts";
import { isAboutMemory } from "./out-of-memory.ts";
import { cpuMsOf, lowerPriority, niceness, weighAgainMs, weighSession } from "./share.ts";

const startDeadlineMs = 10_000;
/** V8 writes some kilobytes of stack behind the line that says what happened. */
const keptErrorBytes = 16_384;
/** How long the pipes of a dead child may stay open in the hands of something that it started. */
const lastWordsMs = 500;

/** How one job in a child ended: with an answer, not yet checked, or with the child's death. */
export type JobEnd = { frame: Frame } | { crashed: "timed_out" | "out_of_memory" | "killed" };

/** A job with the file that follows it; `feed` yields exactly `size` bytes in all, and may use its chunk again when asked for the next. */
export type Assignment = {
  job: Job;
  size: number;
  feed: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  deadlineMs: number;
  maxAnswerBytes: number;
  signal: AbortSignal;
};

/** `needed`: when somebody waits for the child. */
type Start = { nice?: number; needed?: Promise<void> | undefined };

/** One decode child on its leash: it does one job at a time, and does not outlive a deadline. */
export class Decoder {
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  readonly #exited: Promise<JobEnd>;
  #stderr = "";
  /** Takes what the child says while it is asked something; between jobs it has nothing to say. */
  #onData: ((chunk: Buffer) => void) | null = null;
  #isGone = false;
  #weighing: NodeJS.Timeout | undefined;
  /** Jobs done so far. */
  jobs = 0;

  private constructor({ file, args, options }: Command, nice: number) {
    this.#child = spawn(file, args, options);
    // Where there is no file left to open, spawn tells by an event, and the pipes below are not there to be taken.
    this.#child.on("error", () => {});
    this.#standBack(nice);
    this.#pipe = this.#child.stdio[3] as Duplex;
    this.#pipe.on("error", () => {}); // the other end died; `exited` tells
    this.#pipe.on("data", (chunk: Buffer) => (this.#onData ? this.#onData(chunk) : this.#signal()));
    (this.#child.stderr as Readable).on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("latin1")).slice(-keptErrorBytes);
    });
    const closed = once(this.#child, "close").catch(() => {}); // rejects when nothing could be started
    this.#exited = once(this.#child, "exit")
      .catch(() => {})
      .then(() => this.#died(closed));
  }

  /**
   * Starts a child that stands back by `nice`, and waits until it has loaded its codecs. One that nobody waits for lets
   * jobs that are decoded go first until it is `needed`, where the kernel weighs sessions.
   * @throws when it does not get there: our fault.
   */
  static async start(command: Command, { nice = niceness.decoding, needed }: Start = {}): Promise<Decoder> {
    const decoder = new Decoder(command, nice);
    const hurry = () => decoder.#weigh(nice);
    if (needed) decoder.#weigh(niceness.aside);
    void needed?.then(hurry);
    const stopCounting = countDown(startDeadlineMs, () => decoder.#signal());
    const end = await Promise.race([decoder.#answer(0), decoder.#exited]).finally(stopCounting);
    if (needed) hurry();
    decoder.#onData = null;
    if ("frame" in end && end.frame.header["kind"] === readyHeader.kind) return decoder;
    await decoder.kill();
    throw new Error(`a decode child did not start: ${decoder.#stderr.trim() || "no error was written"}`);
  }

  /** Resolves when the child is gone, for whatever reason. */
  get exited(): Promise<unknown> {
    return this.#exited;
  }

  /** CPU time that the child has used so far. */
  cpuMs(): number {
    return this.#isGone ? 0 : cpuMsOf(this.#child.pid!);
  }

  /** Lets others go first from now on, for good. */
  goBehind(): void {
    this.#standBack(niceness.aside);
  }

  #standBack(nice: number): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#isGone) return;
    lowerPriority(pid, nice);
    this.#weigh(nice);
  }

  #weigh(to: number): void {
    const { pid } = this.#child;
    clearTimeout(this.#weighing);
    if (pid === undefined || this.#isGone || weighSession(pid, to)) return;
    this.#weighing = setTimeout(() => this.#weigh(to), weighAgainMs).unref();
  }

  /** Does one job; rejects when `signal` aborts or the feed fails, and the child is dead then. */
  async run({ job, size, feed, deadlineMs, maxAnswerBytes, signal }: Assignment): Promise<JobEnd> {
    signal.throwIfAborted();
    this.jobs += 1;
    let timedOut = false;
    const stopCounting = countDown(deadlineMs, () => {
      timedOut = true;
      this.#signal();
    });
    const stop = () => this.#signal();
    signal.addEventListener("abort", stop);
    try {
      const answer = this.#answer(maxAnswerBytes);
      const fed = this.#send(encodeHeader(job, [size]), feed).then(() => answer);
      const end = await Promise.race([fed, this.#exited]);
      signal.throwIfAborted();
      return "crashed" in end && timedOut ? { crashed: "timed_out" } : end;
    } catch (error) {
      await this.kill();
      throw error;
    } finally {
      stopCounting();
      signal.removeEventListener("abort", stop);
      this.#onData = null;
    }
  }

  /** Kills the child and all that it started; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#signal();
    await this.#exited;
  }

  /** One frame from the child; garbage, or more than is allowed, is answered with SIGKILL. */
  #answer(maxAnswerBytes: number): Promise<JobEnd> {
    const reader = new FrameReader(maxAnswerBytes);
    return new Promise((resolve) => {
      this.#onData = (chunk) => {
        try {
          const frame = reader.push(chunk);
          if (frame) resolve({ frame });
        } catch {
          this.#onData = null;
          this.#signal();
        }
      };
    });
  }

  async #send(head: Uint8Array, feed: Assignment["feed"]): Promise<void> {
    await this.#write(head);
    for await (const chunk of feed) await this.#write(chunk);
  }

  /** Waits for room, or for ever once the child is gone: then `exited` has the word. */
  #write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#pipe.write(chunk, (error) => {
        if (!error) resolve();
      });
    });
  }

  #signal(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#isGone) return;
    try {
      process.kill(-pid, "SIGKILL"); // the group: with all that it forked
    } catch {
      this.#child.kill("SIGKILL"); // no group of that name any more
    }
  }

  async #died(closed: Promise<unknown>): Promise<JobEnd> {
    this.#signal(); // what it forked may still live, and hold its pipes open
    this.#isGone = true; // its number may now be given to a stranger
    await Promise.race([closed, after(lastWordsMs, null, { ref: false })]);
    this.#pipe.destroy();
    return { crashed: isAboutMemory(this.#stderr) ? "out_of_memory" : "killed" };
  }
}

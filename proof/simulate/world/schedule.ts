import type { Random } from "../random.ts";
import { drawFault, type FaultKind, lostConnection, NotModelled } from "./faults.ts";
import type { Process } from "./process.ts";

/** A call of a process on a port, parked until the schedule picks it. */
export type Step = {
  process: Process;
  /** What the history prints. */
  what: string | (() => string);
  /** Acts on the world and answers, or answers `waiting` and is put back by whoever it waits for. */
  act: (step: Step) => unknown;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
  /** `exempt`: neither fails nor kills, for what happens inside a process. */
  exempt: boolean;
  /** The other side's view of a connection that broke at this step. */
  onBreak: (() => void) | null;
};

/** Answer of a step that cannot act yet. */
export const waiting = Symbol("waiting");

export type Timer = { at: number; fire: () => void };

/** Its reactions run as microtasks do, without the bookkeeping of `queueMicrotask`. */
const settled = Promise.resolve();

/** A fault of the simulation itself: the product, which takes many faults in its stride, must not be told of it. */
const isOwnFault = (error: unknown) =>
  [NotModelled, TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);

/** Time that passes between two steps, at most. */
const stepMs = 12;
/** A timer this near may go off while steps wait: work is slow, beats and deadlines are not. */
const slowMs = 60_000;

/**
 * Runs one step at a time, in an order that the seed decides. Between two steps every microtask is done, so that nothing
 * but the seed decides what happens.
 */
export class Schedule {
  now = Date.UTC(2026, 0, 5);
  steps = 0;
  /** Strength of the storm; 0 when the faults are over. */
  strength = 0;
  readonly random: Random;
  readonly faults = new Map<string, number>();
  /** Lines of the history; null unless somebody reads it. */
  readonly lines: string[] | null;
  /** Brings a killed process back. */
  onKill: (process: Process) => void = () => {};
  onFreeze: (process: Process, forMs: number) => void = () => {};
  readonly #ready: Step[] = [];
  readonly #timers: Timer[] = [];
  /** Whether the last thing done may have settled something, so that microtasks wait. */
  #mayHaveSettled = false;

  constructor(random: Random, traced: boolean) {
    this.random = random;
    this.lines = traced ? [] : null;
  }

  /** Parks a call; it settles when the schedule picked it, or never when its process dies before. */
  call<T>(
    process: Process,
    what: Step["what"],
    act: (step: Step) => T | typeof waiting,
    { exempt = false, onBreak = null }: { exempt?: boolean; onBreak?: (() => void) | null } = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (process.alive) this.#ready.push({ process, what, act, resolve, reject, exempt, onBreak });
    });
  }

  /** Puts back a step that waited. */
  wake(step: Step): void {
    this.#ready.push(step);
  }

  after(delayMs: number, fire: () => void): Timer {
    const timer = { at: this.now + delayMs, fire };
    this.#timers.push(timer);
    return timer;
  }

  cancel(timer: Timer): void {
    const index = this.#timers.indexOf(timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }

  note(line: string | (() => string)): void {
    const text = () => (typeof line === "string" ? line : line());
    this.lines?.push(`${String(this.now - Date.UTC(2026, 0, 5)).padStart(10)} ms  ${text()}`);
  }

  count(what: string): void {
    this.faults.set(what, (this.faults.get(what) ?? 0) + 1);
  }

  /** Runs until `isOver`, or until nothing is left to do before `untilMs`. */
  run(isOver: () => boolean, untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const tick = () => process.nextTick(turn);
      const turn = () => {
        try {
          do {
            NotModelled.check();
            if (isOver() || !this.#next(untilMs)) return resolve();
          } while (!this.#mayHaveSettled);
        } catch (error) {
          NotModelled.last = null;
          return reject(error as Error);
        }
        // A tick from within a microtask comes when all microtasks are done.
        void settled.then(tick);
      };
      tick();
    });
  }

  #next(untilMs: number): boolean {
    const ready = this.#ready;
    this.#mayHaveSettled = false;
    if (ready.length === 0) return this.#fire(untilMs);
    if (this.strength > 0 && this.#timers.length > 0 && this.random.chance(0.02)) {
      if (this.#fire(Math.min(untilMs, this.now + slowMs))) return true;
    }
    const index = this.random.below(ready.length);
    const step = ready[index]!;
    ready[index] = ready.at(-1)!;
    ready.pop();
    if (!step.process.alive) return true;
    if (step.process.held) step.process.held.push(step);
    else this.#take(step);
    return true;
  }

  /** Lets time jump to the next timer; false when there is none before `untilMs`. */
  #fire(untilMs: number): boolean {
    let first: Timer | null = null;
    for (const timer of this.#timers) if (first === null || timer.at < first.at) first = timer;
    if (first === null || first.at > untilMs) return false;
    this.cancel(first);
    this.now = Math.max(this.now, first.at);
    this.#mayHaveSettled = true;
    first.fire();
    return true;
  }

  #take(step: Step): void {
    this.#mayHaveSettled = true;
    this.steps += 1;
    this.now += this.random.below(stepMs);
    const fault = this.strength > 0 && !step.exempt ? drawFault(this.random, this.strength) : null;
    if (this.lines !== null) {
      const what = typeof step.what === "string" ? step.what : step.what();
      this.note(`${step.process.name.padEnd(16)} ${what}${fault === null ? "" : `   ✗ ${fault}`}`);
    }
    if (fault === null) return this.#act(step);
    this.count(fault);
    this.#strike(step, fault);
  }

  #act(step: Step): void {
    try {
      const answer = step.act(step);
      if (answer === waiting) this.#mayHaveSettled = false;
      else step.resolve(answer as never);
    } catch (error) {
      if (isOwnFault(error)) throw error;
      if (this.lines !== null) this.note(`${" ".repeat(17)}→ ${String(error)}`);
      step.reject(error);
    }
  }

  #strike(step: Step, fault: FaultKind): void {
    switch (fault) {
      case "kill before":
        return this.kill(step.process);
      case "kill after":
        this.#actInVain(step);
        return this.kill(step.process);
      case "fail before":
        step.onBreak?.();
        return step.reject(lostConnection());
      case "fail after":
        if (step.onBreak) step.onBreak();
        else this.#actInVain(step);
        return step.reject(lostConnection());
      case "freeze":
        return this.#freeze(step);
    }
  }

  /** The other side acts, but nobody hears of it. */
  #actInVain(step: Step): void {
    try {
      step.act({ ...step, resolve: () => {}, reject: () => {} });
    } catch (error) {
      if (isOwnFault(error)) throw error; // a refusal nobody hears of either
    }
  }

  kill(process: Process): void {
    if (!process.alive) return;
    process.end();
    this.onKill(process);
  }

  /** SIGSTOP before the step, SIGCONT at some time after: seconds, or long past a lease. */
  #freeze(step: Step): void {
    const { process } = step;
    const forMs = this.random.chance(0.5)
      ? 1_000 + this.random.below(20_000)
      : 62_000 + this.random.below(90_000);
    process.held = [step];
    this.onFreeze(process, forMs);
    this.after(forMs, () => {
      const held = process.held ?? [];
      process.held = null;
      if (process.alive) {
        this.note(`${process.name.padEnd(16)} goes on`);
        this.#ready.push(...held);
      }
    });
  }
}

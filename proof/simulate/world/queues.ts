import type { Message, Queue, QueueName } from "@strongroom/core/ports/queue";
import type { Process } from "./process.ts";
import { type Schedule, type Step, type Timer, waiting } from "./schedule.ts";

type Lying = { id: string; body: string; visibleAt: number; receiveCount: number; receipt: string };
type Receiver = { step: Step; queue: QueueName };

/** Deliveries of one message before it goes to the dead letters. */
const maxReceives = 5;

/** Queues as SQS promises them, and no better: at least once, in no order, on loan. */
export class Queues {
  readonly live: Record<QueueName, Lying[]> = { ingest: [], documents: [], late: [] };
  readonly dead: Record<QueueName, Lying[]> = { ingest: [], documents: [], late: [] };
  readonly #schedule: Schedule;
  #receivers: Receiver[] = [];
  #numbers = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  connect(process: Process): Queue {
    const call = <T>(what: string, act: () => T) => this.#schedule.call(process, what, act);
    const find = (list: Lying[], receipt: string) => list.find((message) => message.receipt === receipt);
    return {
      send: (queue, body, { delayMs = 0 } = {}) =>
        call(`send ${queue}`, () => this.#send(queue, body, delayMs)),
      receive: (queue, options) => this.#receive(process, queue, options),
      extend: (queue, receipt, visibilityMs) =>
        call(`extend ${queue}`, () => {
          const message = find(this.live[queue], receipt);
          if (message) this.#hide(queue, message, visibilityMs);
        }),
      acknowledge: (queue, receipt) =>
        call(`acknowledge ${queue}`, () => {
          const message = find(this.live[queue], receipt);
          if (message) this.live[queue].splice(this.live[queue].indexOf(message), 1);
        }),
      release: (queue, receipt, delayMs) =>
        call(`release ${queue}`, () => {
          const message = find(this.live[queue], receipt);
          if (message) this.#hide(queue, message, delayMs);
        }),
      receiveDead: (queue, { max, visibilityMs }) =>
        call(`receive dead ${queue}`, () => this.#loan(this.dead[queue], max, visibilityMs)),
      acknowledgeDead: (queue, receipt) =>
        call(`acknowledge dead ${queue}`, () => {
          const message = find(this.dead[queue], receipt);
          if (message) this.dead[queue].splice(this.dead[queue].indexOf(message), 1);
        }),
      depth: async () => ({ waiting: 0, inFlight: 0, dead: 0, oldestWaitingMs: null }),
    };
  }

  put(queue: QueueName, body: string, delayMs: number): void {
    const message = { id: `m${++this.#numbers}`, body, visibleAt: 0, receiveCount: 0, receipt: "" };
    this.live[queue].push(message);
    this.#hide(queue, message, delayMs);
  }

  #send(queue: QueueName, body: string, delayMs: number): void {
    const { random, strength } = this.#schedule;
    const copies = strength > 0 ? random.pick([1, 1, 1, 1, 2]) : 1;
    if (copies > 1) this.#schedule.count("bell doubled");
    for (let copy = 0; copy < copies; copy++)
      this.put(queue, body, delayMs + (strength > 0 && random.chance(0.1) ? random.below(60_000) : 0));
  }

  #hide(queue: QueueName, message: Lying, forMs: number): void {
    message.visibleAt = this.#schedule.now + forMs;
    if (forMs > 0) this.#schedule.after(forMs, () => this.#ring(queue));
    else this.#ring(queue);
  }

  /** Wakes one that waits: it takes all there is for it. */
  #ring(queue: QueueName): void {
    const isMeant = ({ queue: own }: Receiver) => own === queue || (queue === "late" && own === "documents");
    this.#receivers = this.#receivers.filter(({ step }) => step.process.alive);
    const meant = this.#receivers.filter(isMeant);
    if (meant.length === 0) return;
    const running = meant.filter(({ step }) => step.process.held === null);
    const one = this.#schedule.random.pick(running.length > 0 ? running : meant);
    this.#receivers.splice(this.#receivers.indexOf(one), 1);
    this.#schedule.wake(one.step);
  }

  /** Waits as long as there is nothing: an empty answer after `waitMs` would only be asked again, unless work waits in `late`. */
  #receive(
    process: Process,
    queue: QueueName,
    { max, waitMs, visibilityMs, signal }: Parameters<Queue["receive"]>[1],
  ): Promise<Message[]> {
    let isOver = waitMs === 0;
    let timer: Timer | null = null;
    const act = (step: Step) => {
      const messages = signal?.aborted ? [] : this.#take(queue, max, visibilityMs);
      if (messages.length > 0 || isOver || signal?.aborted) {
        if (timer !== null) this.#schedule.cancel(timer);
        return messages;
      }
      this.#receivers.push({ step, queue });
      if (this.#hasLate(queue)) timer ??= this.#schedule.after(waitMs, () => ((isOver = true), leave()));
      return waiting;
    };
    const answer = this.#schedule.call(process, `receive ${queue}`, act);
    const leave = () => {
      const own = this.#receivers.find(({ step }) => step.process === process);
      if (!own) return;
      this.#receivers.splice(this.#receivers.indexOf(own), 1);
      this.#schedule.wake(own.step);
    };
    if (waitMs > 0) signal?.addEventListener("abort", leave, { once: true });
    return answer;
  }

  #hasLate(queue: QueueName): boolean {
    return queue === "documents" && this.live.late.some((message) => message.visibleAt <= this.#schedule.now);
  }

  #take(queue: QueueName, max: number, visibilityMs: number): Message[] {
    const now = this.#schedule.now;
    const spent = this.live[queue].filter(
      (message) => message.visibleAt <= now && message.receiveCount >= maxReceives,
    );
    for (const message of spent) {
      this.live[queue].splice(this.live[queue].indexOf(message), 1);
      this.dead[queue].push({ ...message, visibleAt: now });
      this.#schedule.count("dead letter");
    }
    const messages = this.#loan(this.live[queue], max, visibilityMs);
    if (messages.length > 0) this.#schedule.after(visibilityMs, () => this.#ring(queue));
    return messages;
  }

  #loan(list: Lying[], max: number, visibilityMs: number): Message[] {
    const { now, random } = this.#schedule;
    const loaned: Message[] = [];
    const visible = list.filter((message) => message.visibleAt <= now);
    while (visible.length > 0 && loaned.length < max) {
      const [message] = visible.splice(random.below(visible.length), 1);
      message!.visibleAt = now + visibilityMs;
      message!.receiveCount += 1;
      message!.receipt = `r${++this.#numbers}`;
      const { id, receipt, body, receiveCount } = message!;
      loaned.push({ id, receipt, body, receiveCount, attributes: {} });
    }
    return loaned;
  }
}

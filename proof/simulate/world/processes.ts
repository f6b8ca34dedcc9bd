import { processDocument } from "@strongroom/core/document/process-document";
import { Refusal } from "@strongroom/core/errors";
import { relayEvents } from "@strongroom/core/event/relay-events";
import { redriveDocument } from "@strongroom/core/job/redrive-document";
import { Doorbell } from "@strongroom/core/job/ring-doorbell";
import type { Ports } from "@strongroom/core/ports/ports";
import type { QueueName } from "@strongroom/core/ports/queue";
import { readUploadEvent } from "@strongroom/core/ports/upload-event";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import { ingestUpload } from "@strongroom/core/upload/ingest-upload";
import { reconcile } from "@strongroom/core/upload/reconcile";
import { signUploads } from "@strongroom/core/upload/sign-uploads";
import { sweep } from "@strongroom/core/upload/sweep";
import { handledAs } from "@strongroom/eks-workers/handled-as";
import type { Source } from "@strongroom/eks-workers/lookout";
import { runLoop } from "@strongroom/eks-workers/loop";
import { notifier } from "@strongroom/eks-workers/notifier";
import type { Plan } from "./plan.ts";
import { Process } from "./process.ts";
import { agent, driver, periods, type World } from "./world.ts";

/** Times that a client tries before it gives up for good. */
const patience = 25;

type Life = (process: Process) => Promise<unknown>;

/** All processes of a world: each is born again after a death, as its supervisor does; a phone may stay dead. */
export class Processes {
  /** Clients that are not done yet. */
  busy = 0;
  readonly #world: World;
  readonly #lives = new Map<string, { life: Life; isClient: boolean }>();
  #births = 0;

  constructor(world: World) {
    this.#world = world;
    // Named first: a function literal that is assigned to a property is made in the old heap, and holds its world there.
    const onKill = (process: Process) => this.#reborn(process);
    const onFreeze = (process: Process, forMs: number) => this.#whileFrozen(process, forMs);
    world.schedule.onKill = onKill;
    world.schedule.onFreeze = onFreeze;
  }

  start(): void {
    const { plans, schedule } = this.#world;
    const some = () => (schedule.random.chance(0.3) ? [1, 2] : [1]);
    for (const number of [1, 2]) this.#start(`processor-${number}`, (process) => this.#processor(process));
    for (const number of some()) this.#start(`relay-${number}`, (process) => this.#relay(process));
    for (const number of some()) this.#start(`notifier-${number}`, (process) => this.#notifier(process));
    this.#start("ingest", (process) => this.#ingest(process));
    plans.forEach((plan, at) => {
      this.busy += 1;
      this.#start(`client-${at + 1}`, (process) => this.#client(process, plan), true);
    });
  }

  /** One round of the reconciler, in a process of its own. */
  reconcile(): void {
    const process = new Process(`reconciler-${++this.#births}`);
    this.#run(process, reconcile(this.#world.connect(process)).catch(ignore));
  }

  /** Looks through all of staging and vault, in a process of its own. */
  sweep(): void {
    const process = new Process(`sweeper-${++this.#births}`);
    this.#run(process, sweep(this.#world.connect(process)).catch(ignore));
  }

  /** An operator sends a failed document its way again. */
  redrive(documentId: string): void {
    const process = new Process(`operator-${++this.#births}`);
    this.#run(process, redriveDocument(this.#world.connect(process), agent, documentId).catch(ignore));
  }

  #start(name: string, life: Life, isClient = false): void {
    this.#lives.set(name, { life, isClient });
    this.#bear(name, life);
  }

  #bear(name: string, life: Life): void {
    const process = new Process(name);
    this.#run(process, life(process));
  }

  #run(process: Process, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#world.fail(process, error));
  }

  #reborn(process: Process): void {
    const { schedule } = this.#world;
    const known = this.#lives.get(process.name);
    if (!known) return;
    if (known.isClient && schedule.random.chance(0.3)) {
      this.busy -= 1;
      return schedule.count("phone lost");
    }
    schedule.after(schedule.random.below(5_000), () => this.#bear(process.name, known.life));
  }

  /** What the world does to whoever does not answer: its transaction and its place in the group are taken from it. */
  #whileFrozen(process: Process, forMs: number): void {
    const { schedule } = this.#world;
    // A rescuer that is in the middle of it when the frozen one goes on is what fencing is for.
    if (process.name.startsWith("processor") && forMs > periods.silence)
      schedule.after(forMs - schedule.random.below(400), () => this.reconcile());
    this.#world.streams.giveUp(process);
    if (process.name.startsWith("relay")) this.#world.postgres.loseLock("strongroom.relay", 5_000);
    if (process.name.startsWith("reconciler")) this.#world.postgres.loseLock("strongroom.reconcile", 5_000);
    if (process.name.startsWith("sweeper")) this.#world.postgres.loseLock("strongroom.sweep", 5_000);
  }

  async #ingest(process: Process): Promise<void> {
    const ports = this.#world.connect(process);
    const loop = { queues: [source("ingest", 2)], stopping: new AbortController().signal } as const;
    await runLoop(ports, loop, async ({ body }) => {
      for (const key of readUploadEvent(body)) await ingestUpload(ports, key);
    });
  }

  /** Works until SIGTERM, which comes now and then; its successor comes at once. */
  async #processor(process: Process): Promise<void> {
    const { schedule, bytes } = this.#world;
    const ports = this.#world.connect(process);
    const renderer = bytes.renderer(process);
    const stop = new AbortController();
    const loop = { queues: [source("documents", 2), source("late", 1)], stopping: stop.signal } as const;
    await runLoop(ports, loop, async ({ body }) => {
      if (schedule.strength > 0 && schedule.random.chance(0.1))
        schedule.after(schedule.random.below(300), () => {
          schedule.count("told to stop");
          stop.abort(new Error("told to stop"));
        });
      const options = {
        renderer,
        worker: `worker:${process.name}`,
        stopping: stop.signal,
        carrier: bytes.carrier,
        scratch: "nowhere",
      };
      return handledAs(await processDocument(ports, Doorbell.parse(JSON.parse(body)), options));
    });
    process.end();
    this.#reborn(process);
  }

  async #relay(process: Process): Promise<void> {
    const { outbox, postgres } = this.#world;
    const ports = this.#world.connect(process);
    for (;;) {
      const lock = await ports.database.lock("strongroom.relay").catch(() => null);
      if (!lock) {
        await ports.clock.sleep(periods.relay * 4);
        await postgres.released(process, "strongroom.relay");
        continue;
      }
      while (!lock.lost.aborted) {
        const { failedKeys } = await relayEvents(ports).catch(() => ({ failedKeys: 1 }));
        if (failedKeys > 0) await ports.clock.sleep(periods.relay * 10, lock.lost);
        await outbox.filled(process, lock.lost);
      }
      await lock.release().catch(ignore);
    }
  }

  async #notifier(process: Process): Promise<void> {
    const stopping = new AbortController().signal;
    const { done } = await notifier({ ports: this.#world.connect(process), name: process.name, stopping });
    await done;
  }

  /** A phone: it keeps what it announced, and repeats whatever it has no answer to. */
  async #client(process: Process, plan: Plan): Promise<void> {
    const ports = this.#world.connect(process);
    await ports.clock.sleep(plan.startMs);
    for (let tries = 0; tries < patience; tries++) {
      const isDone = await this.#deliver(ports, process, plan).catch(isFinal);
      if (isDone) break;
      // It waits for half a minute on average, and the reconciler comes once a minute.
      if (tries % 2 === 1) this.reconcile();
      await ports.clock.sleep(1_000 + this.#world.schedule.random.below(60_000));
    }
    process.end();
    this.busy -= 1;
  }

  async #deliver(ports: Ports, process: Process, plan: Plan): Promise<boolean> {
    const { ledger, schedule } = this.#world;
    const { request } = plan;
    let { document, uploads } = await acceptUpload(ports, driver, request);
    ledger.accepted.push({ documentId: request.id, files: request.files.map(({ sha256 }) => sha256) });
    if (plan.dawdleMs > 0 && document.state === "granted") {
      await this.#dawdle(ports, plan);
      ({ document, uploads } = await signUploads(ports, driver, request.id));
    }
    for (const { requests } of uploads)
      for (const { url, headers, sizeBytes, expiresAt } of requests)
        await schedule.call(process, `upload ${url}`, () => {
          if (Date.parse(expiresAt) < schedule.now) throw new Error("403 the signature expired");
          this.#world.store.put(url, { sha256: headers["x-sha256"]!, sizeBytes, sealed: null });
        });
    if (document.state === "granted" && plan.completes)
      document = await completeUpload(ports, driver, request.id);
    if (document.state === "granted" || document.state === "expired") return false;
    ledger.acknowledged.add(request.id);
    return true;
  }

  /** Lets the grant end meanwhile: the reconciler has been here before, and comes again while the client goes on. */
  async #dawdle({ clock }: Ports, plan: Plan): Promise<void> {
    const { schedule } = this.#world;
    const { dawdleMs } = plan;
    plan.dawdleMs = 0;
    for (const before of [dawdleMs - 60_000, dawdleMs + 30_000])
      schedule.after(before + schedule.random.below(60_000), () => this.reconcile());
    await clock.sleep(dawdleMs);
  }
}

const source = (name: QueueName, most: number): Source => ({ name, upTo: () => most });

const ignore = () => {};

/** Whether a client need not come again: what it asked for will never be granted. */
function isFinal(error: unknown): boolean {
  return error instanceof Refusal && error.code === "id_taken";
}

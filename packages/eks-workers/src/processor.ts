import { rm } from "node:fs/promises";
import { processDocument, type Processing } from "@strongroom/core/document/process-document";
import { Doorbell } from "@strongroom/core/job/ring-doorbell";
import type { Message, QueueName } from "@strongroom/core/ports/queue";
import { oldestWaitingMs } from "@strongroom/core/upload/check-overload";
import type { Source } from "./lookout.ts";
import { GiveWay } from "./give-way.ts";
import { FairShare } from "./fair-share.ts";
import { handledAs } from "./handled-as.ts";
import { runLoop } from "./loop.ts";
import { createRenderer } from "./render/pool.ts";
import { openScratch } from "./scratch.ts";
import type { Running, Worker } from "./worker.ts";

/**
 * Documents in hand for each decoder, so that decoders never wait for a disk: of its time in hand a document is decoded for a third.
 * Over-age ones, and those of a company that waits for its turn: two. Fresh ones: one more, so that one for each
 * decoder finds a place at once, whoever floods.
 */
const inHandPerDecoder = { late: 2, documents: 3 } as const;

/** Processes documents: as many decoders as it has cores, fresh documents before over-age ones. */
export const processor: Worker = async ({ ports, name, stopping, vitals }): Promise<Running> => {
  const scratch = await openScratch();
  const renderer = await createRenderer({ concurrency: ports.config.jobs, log: ports.log, scratch });
  const share = new FairShare(ports.clock, { decoders: ports.config.jobs, aside: () => renderer.aside });
  // A machine of all parts shares its cores; a pod has its own.
  const way = ports.config.backend.kind === "embedded" ? new GiveWay(ports.clock) : null;
  const options = { renderer, worker: `worker:${name}`, stopping, scratch };
  const taken = async (queue: QueueName, bell: Doorbell): Promise<Processing> => {
    const putDown = share.take(queue, bell.tenantId);
    let leave: (() => void) | undefined;
    const mayBegin = async () => void (leave = await way?.enter(bell.tenantId));
    let processing: Processing | null = null;
    try {
      return (processing = await processDocument(ports, bell, { ...options, mayBegin }));
    } finally {
      leave?.();
      putDown(processing?.outcome !== "skipped");
    }
  };
  const handle = async (message: Message, queue: QueueName) => {
    const startedMs = ports.clock.monotonicMs();
    const bell = Doorbell.parse(JSON.parse(message.body));
    const processing = await taken(queue, bell);
    const { outcome } = processing;
    vitals?.count("strongroom_documents_total", { outcome });
    ports.log.info("document.processed", {
      documentId: bell.documentId,
      outcome,
      tookMs: Math.round(ports.clock.monotonicMs() - startedMs),
    });
    return handledAs(processing);
  };
  const source = (name: keyof typeof inHandPerDecoder): Source => ({
    name,
    upTo: () => ports.config.jobs * inHandPerDecoder[name] + renderer.aside,
  });
  const queues = [source("documents"), { ...source("late"), room: () => share.lateRoom }] as const;
  vitals?.addGauge({
    name: "strongroom_oldest_waiting_seconds",
    help: "Age of the oldest document of all tenants that waits to be processed; 0 when none does.",
    read: async () => [{ value: ((await oldestWaitingMs(ports)) ?? 0) / 1_000 }],
  });
  const close = async () => {
    await renderer.close();
    await rm(scratch, { recursive: true, force: true });
  };
  return {
    done: runLoop(ports, { queues, stopping, vitals }, handle).then(close),
    isolation: renderer.isolation,
  };
};

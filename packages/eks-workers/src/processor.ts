import { rm } from "node:fs/promises";
import { processDocument } from "@strongroom/core/document/process-document";
import { Doorbell } from "@strongroom/core/job/ring-doorbell";
import type { Message } from "@strongroom/core/ports/queue";
import { oldestWaitingMs } from "@strongroom/core/upload/check-overload";
import { runLoop } from "./loop.ts";
import { createRenderer } from "./render/pool.ts";
import { openScratch } from "./scratch.ts";
import type { Running, Worker } from "./worker.ts";

/**
 * Documents in hand for each one that is decoded: while half of them are fetched, sealed, synced and read back, or have
 * stepped aside, the other half keeps the decoders at work.
 */
const inHandPerDecoder = 2;

/** Processes documents: as many decoders as it has cores, fresh documents before over-age ones. */
export const processor: Worker = async ({ ports, name, stopping, vitals }): Promise<Running> => {
  const scratch = await openScratch();
  const renderer = await createRenderer({ concurrency: ports.config.jobs, log: ports.log, scratch });
  const handle = async (message: Message) => {
    const startedMs = ports.clock.monotonicMs();
    const bell = Doorbell.parse(JSON.parse(message.body));
    const outcome = await processDocument(ports, bell, {
      renderer,
      worker: `worker:${name}`,
      stopping,
      scratch,
    });
    vitals?.count("strongroom_documents_total", { outcome });
    ports.log.info("document.processed", {
      documentId: bell.documentId,
      outcome,
      tookMs: Math.round(ports.clock.monotonicMs() - startedMs),
    });
  };
  const atOnce = ports.config.jobs * inHandPerDecoder;
  const loop = { queues: ["documents", "late"], atOnce, stopping, vitals } as const;
  vitals?.addGauge({
    name: "strongroom_oldest_waiting_seconds",
    help: "Age of the oldest document of all tenants that waits to be processed; 0 when none does.",
    read: async () => [{ value: ((await oldestWaitingMs(ports)) ?? 0) / 1_000 }],
  });
  const close = async () => {
    await renderer.close();
    await rm(scratch, { recursive: true, force: true });
  };
  return { done: runLoop(ports, loop, handle).then(close), isolation: renderer.isolation };
};

import { processDocument } from "@strongroom/core/document/process-document";
import { Doorbell } from "@strongroom/core/job/ring-doorbell";
import type { Message } from "@strongroom/core/ports/queue";
import { runLoop } from "./loop.ts";
import type { Running, Worker } from "./worker.ts";
import { createRenderer } from "./render/pool.ts";

/** Processes documents: as many at once as it has cores, fresh ones before over-age ones. */
export const processor: Worker = async ({ ports, name, stopping }): Promise<Running> => {
  const renderer = await createRenderer({ concurrency: ports.config.jobs, log: ports.log });
  const handle = async (message: Message) => {
    const startedMs = ports.clock.monotonicMs();
    const bell = Doorbell.parse(JSON.parse(message.body));
    const outcome = await processDocument(ports, bell, { renderer, worker: `worker:${name}`, stopping });
    ports.log.info("document.processed", { documentId: bell.documentId, outcome, tookMs: Math.round(ports.clock.monotonicMs() - startedMs) });
  };
  const loop = { queues: ["documents", "late"], atOnce: ports.config.jobs, stopping } as const;
  return { done: runLoop(ports, loop, handle).then(() => renderer.close()), isolation: renderer.isolation };
};

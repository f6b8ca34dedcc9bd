import { readConfig } from "@strongroom/core/config";
import { connectEmbedded } from "@strongroom/core/embedded/connect";
import { jsonLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";

/** Ports of a worker process, to be closed by it. */
export type WorkerPorts = Ports & { close(): Promise<void> };

/** Reads the configuration and connects every port. */
export async function connectPorts(worker: string): Promise<WorkerPorts> {
  return await connectEmbedded(readConfig(), jsonLog({ process: worker, pid: process.pid }));
}

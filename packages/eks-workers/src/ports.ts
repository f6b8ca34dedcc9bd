import { readConfig } from "@strongroom/core/config";
import { jsonLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";

/** Ports of a worker process, to be closed by it. */
export type WorkerPorts = Ports & { close(): Promise<void> };

/** Reads the configuration and connects every port that it names. */
export async function connectPorts(worker: string): Promise<WorkerPorts> {
  const config = readConfig();
  const log = jsonLog({ process: worker, pid: process.pid });
  switch (config.backend.kind) {
    case "embedded": {
      const { connectEmbedded } = await import("@strongroom/core/embedded/connect");
      const { refuseUnlaid } = await import("@strongroom/core/embedded/laid-out");
      await refuseUnlaid(config.backend.dataDirectory);
      return await connectEmbedded(config, log);
    }
    case "aws": {
      const { connectAws } = await import("@strongroom/core/aws/connect");
      return await connectAws(config, log);
    }
  }
}

/** User and password of the database's master, out of the secret that the migrator alone may read. */
export async function readMaster(secret: {
  arn: string;
  region: string;
}): Promise<{ user: string; password: string }> {
  const { readOwnerSecret } = await import("@strongroom/core/aws/owner-secret");
  return await readOwnerSecret(secret);
}

import { join } from "node:path";
import { systemClock } from "../clock.ts";
import type { Config } from "../config.ts";
import { systemIds } from "../ids.ts";
import type { Log } from "../log.ts";
import type { Ports } from "../ports/ports.ts";
import { writeUploadEvent } from "../ports/upload-event.ts";
import { createEmbeddedCache } from "./cache.ts";
import { createEmbeddedDatabase } from "./database.ts";
import type { Faults } from "./faults.ts";
import { createEmbeddedKeys } from "./keys.ts";
import { createEmbeddedObjects, type EmbeddedObjects } from "./objects.ts";
import { createEmbeddedPush, type EmbeddedPush } from "./push.ts";
import { createEmbeddedQueue } from "./queue.ts";
import { createEmbeddedStream } from "./stream.ts";

/** The ports of one machine, and what only it has: the upload server's side of the objects, the inbox of the pushes. */
export type EmbeddedPorts = Ports & { objects: EmbeddedObjects; push: EmbeddedPush; close(): Promise<void> };

/** Connects every embedded adapter; `faults` makes queue and stream duplicate, reorder, delay and lose answers. */
export async function connectEmbedded(config: Config, log: Log, { faults }: { faults?: Faults } = {}): Promise<EmbeddedPorts> {
  const { dataDirectory, connections } = config.backend;
  const onDemand = { connection: connections.embedded, ...(faults && { faults }) };
  const queue = await createEmbeddedQueue(onDemand);
  const stream = await createEmbeddedStream({ ...onDemand, log });
  const push = await createEmbeddedPush({ connection: connections.embedded });
  const keys = await createEmbeddedKeys({ directory: join(dataDirectory, "keys") });
  const database = createEmbeddedDatabase({ connections, maxConnections: 10 });
  const objects = createEmbeddedObjects({
    root: join(dataDirectory, "objects"),
    publicUrl: `${config.publicUrl}/objects`,
    signingKey: config.secrets.uploadKey,
    clock: systemClock,
    onStored: ({ key }) => queue.send("ingest", writeUploadEvent(key)),
    onFault: (error) => log.warn("objects.fault", { error: error as Error }),
  });
  const cache = createEmbeddedCache({ clock: systemClock, maxEntries: 10_000 });
  const close = async () => void (await Promise.all([queue.close(), stream.close(), push.close(), database.close()]));
  return { objects, queue, stream, keys, database, push, cache, clock: systemClock, ids: systemIds, log, config, close };
}

import { join } from "node:path";
import { systemClock } from "../clock.ts";
import type { Config } from "../config.ts";
import { isDiskFull } from "../ports/disk-full.ts";
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

type Options = { faults?: Faults };
type Closable = { close(): Promise<void> };

/**
 * Connects every embedded adapter; `faults` makes queue and stream duplicate, reorder, delay and lose answers. When one of
 * them cannot be opened, those before it are closed again.
 */
export async function connectEmbedded(
  config: Config,
  log: Log,
  options: Options = {},
): Promise<EmbeddedPorts> {
  const opened: Closable[] = [];
  const close = async () => void (await Promise.all(opened.map((adapter) => adapter.close())));
  try {
    return { ...(await open(config, log, options, opened)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  config: Config,
  log: Log,
  { faults }: Options,
  opened: Closable[],
): Promise<Omit<EmbeddedPorts, "close">> {
  if (config.backend.kind !== "embedded") throw new Error("the configuration is for AWS");
  const { dataDirectory, connections } = config.backend;
  const { embedded: connection } = connections;
  const keep = <Adapter extends Closable>(adapter: Adapter) => {
    opened.push(adapter);
    return adapter;
  };
  const queue = keep(await createEmbeddedQueue({ connection, ...(faults && { faults }) }));
  const stream = keep(await createEmbeddedStream({ connection, log, ...(faults && { faults }) }));
  const push = keep(await createEmbeddedPush({ connection }));
  const database = keep(createEmbeddedDatabase({ connections, maxConnections: 10 }));
  const keys = await createEmbeddedKeys({ directory: join(dataDirectory, "keys") });
  const objects = createEmbeddedObjects({
    root: join(dataDirectory, "objects"),
    publicUrl: `${config.publicUrl}/objects`,
    signingKey: config.secrets.uploadKey,
    clock: systemClock,
    onStored: ({ key }) => queue.send("ingest", writeUploadEvent(key)),
    onFault: (error) => tellFault(log, error as Error),
  });
  const cache = createEmbeddedCache({ clock: systemClock, maxEntries: 10_000 });
  return {
    objects,
    queue,
    stream,
    keys,
    database,
    push,
    cache,
    clock: systemClock,
    ids: systemIds,
    log,
    config,
  };
}

/** A fault that nobody but an operator can end is none that passes. */
function tellFault(log: Log, error: Error): void {
  if (isDiskFull(error)) log.error("disk.full", { error });
  else log.warn("objects.fault", { error });
}

import { readFile } from "node:fs/promises";
import { systemClock } from "../clock.ts";
import type { AwsBackend, Config } from "../config.ts";
import { createEmbeddedCache } from "../embedded/cache.ts";
import { systemIds } from "../ids.ts";
import type { Log } from "../log.ts";
import type { Ports } from "../ports/ports.ts";
import { absentPort } from "./absent-port.ts";
import { createAuroraDatabase } from "./database.ts";
import { createKmsClient, createKmsKeys } from "./keys.ts";
import { createS3Client } from "./object-client.ts";
import { createS3Objects } from "./objects.ts";
import { createSqsQueue } from "./queue.ts";

/** Ports on AWS; `close` lets go of every connection. */
export type AwsPorts = Ports & { close(): Promise<void> };

/** An instance of a function serves one request at a time; some routes ask two things at once. It may come by a proxy. */
const lambdaConnections = 4;

/**
 * Connects the ports of a Lambda function: all but the stream and the push, whose clients would be nine tenths of its
 * bundle. Nothing goes over the network until a port is called, except to the cache.
 */
export async function connectLambda(config: Config, log: Log): Promise<AwsPorts> {
  return await connectCommon(config, log, { maxConnections: lambdaConnections, keepsPlans: false });
}

/** What functions and workers have in common. */
export async function connectCommon(
  config: Config,
  log: Log,
  sessions: { maxConnections: number; keepsPlans: boolean },
): Promise<AwsPorts> {
  const backend = awsOf(config);
  const { region, caFile } = { region: backend.region, caFile: backend.database.caFile };
  const ca = caFile === null ? null : await readFile(caFile, "utf8");
  const client = createS3Client({ region, forcePathStyle: backend.pathStyle });
  const objects = createS3Objects({ client, buckets: backend.buckets });
  const queue = createSqsQueue({ client: { region }, queues: backend.queues });
  const keys = createKmsKeys(createKmsClient({ region }), backend.keys);
  const database = createAuroraDatabase({ database: backend.database, region, ca, ...sessions });
  const { cache, close: closeCache } = await cacheOf(backend, log);
  return {
    objects,
    queue,
    stream: absentPort("stream", "STRONGROOM_KAFKA_BROKERS"),
    keys,
    database,
    push: absentPort("push", "STRONGROOM_FIREBASE_SERVICE_ACCOUNT"),
    cache,
    clock: systemClock,
    ids: systemIds,
    log,
    config,
    close: async () =>
      void (await Promise.all([
        objects.close(),
        queue.close(),
        keys.close(),
        database.close(),
        closeCache(),
      ])),
  };
}

/** What the configuration says of AWS; throws when it is for one machine. */
export function awsOf(config: Config): AwsBackend {
  if (config.backend.kind !== "aws") throw new Error("the configuration is not for AWS");
  return config.backend;
}

/** Valkey is optional: without it each process remembers for itself, and limits by address count per process. */
async function cacheOf({ cache: found }: AwsBackend, log: Log) {
  if (found === null)
    return { cache: createEmbeddedCache({ clock: systemClock, maxEntries: 10_000 }), close: async () => {} };
  const { createValkeyCache } = await import("./cache.ts");
  const cache = await createValkeyCache({ url: found.url, log });
  return { cache, close: () => cache.close() };
}

import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@strongroom/cli/client";
import { connectAws } from "@strongroom/core/aws/connect";
import { createFcmPush } from "@strongroom/core/aws/push";
import { FakeFcm } from "@strongroom/core/aws/push-testbed";
import { makeServices } from "@strongroom/core/aws/services-testbed";
import { ownTopics } from "@strongroom/core/aws/stream-testbed";
import { formatConnection, readConfig } from "@strongroom/core/config";
import { silentLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Worker } from "@strongroom/eks-workers/worker";
import { handlers } from "@strongroom/functions/handlers";
import { usePorts } from "@strongroom/functions/ports";
import { vi } from "vitest";
import { makeCertificate } from "./engines/certificate.ts";
import type { ElasticmqServer } from "./engines/elasticmq.ts";
import type { KafkaBroker } from "./engines/kafka.ts";
import type { KmsServer } from "./engines/kms.ts";
import type { PostgresServer } from "./engines/postgres.ts";
import { preparePostgres, type TlsConnection } from "./engines/prepare-postgres.ts";
import type { RedisServer } from "./engines/redis.ts";
import type { S3Server } from "./engines/s3.ts";
import { createHttpServer } from "./http.ts";
import { openIssuer } from "./issuer.ts";
import { findPort } from "./port.ts";
import { feedIngest } from "./schedule.ts";
import { clientFor } from "./test-whole.ts";

/** One of each server that stands in for a service of AWS. */
export type StandIns = {
  s3: S3Server;
  sqs: ElasticmqServer;
  kafka: KafkaBroker;
  kms: KmsServer;
  aurora: PostgresServer;
  valkey: RedisServer;
};

/** Strongroom as it runs on AWS, its functions in this very process, over servers that stand in for the services. */
export type AwsSystem = {
  /** What a worker is configured with; without the secrets of the API. */
  environment: Record<string, string>;
  admin: TlsConnection;
  ports: Ports;
  fcm: FakeFcm;
  /** Somebody's client, by the name that the seed gives them. */
  clientOf(name: string): Promise<Client>;
  /** Starts a worker in this process; what it answers stops it, and resolves when nothing is in hand. */
  run(worker: Worker): Promise<() => Promise<void>>;
  close(): Promise<void>;
};

/**
 * HTTP, and what AWS does around the functions: the bucket's notifications go to the ingest queue, and from there to
 * their handler. No reconciler, which would make good whatever gets lost; no worker.
 */
export async function startAws(standIns: StandIns): Promise<AwsSystem> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-aws-"));
  const port = await findPort(0);
  const url = `http://127.0.0.1:${port}`;
  const { environment, admin } = await prepare(standIns, directory, url);
  const secrets = { STRONGROOM_TICKET_KEY: randomBytes(32).toString("hex") };
  const config = readConfig({ ...environment, ...secrets });
  const connected = await connectAws(config, silentLog);
  const fcm = await FakeFcm.open(await makeCertificate());
  const { serviceAccount, credential } = fcm;
  const push = createFcmPush({ serviceAccount, credential, httpAgent: fcm.agent() });
  const ports = { ...connected, push };
  usePorts(ports);
  const issuer = await openIssuer({ dataDirectory: directory, ...config.auth });
  const http = createHttpServer({ handlers, mounts: [issuer.mount], log: silentLog });
  await http.listen({ port });
  const stop = new AbortController();
  const staging = environment["STRONGROOM_STAGING_BUCKET"]!;
  standIns.s3.onCreated((notification) => {
    if (bucketOf(notification) === staging) void ports.queue.send("ingest", notification);
  });
  const feeding = feedIngest(ports, stop.signal);
  return {
    environment,
    admin,
    ports,
    fcm,
    clientOf: (name) => clientFor(url, issuer, name),
    run: (worker) => run(ports, worker),
    close: async () => {
      standIns.s3.onCreated(() => {});
      stop.abort();
      await Promise.all([http.close(), feeding]);
      await Promise.all([connected.close(), push.close(), fcm.close()]);
      vi.unstubAllEnvs();
      await rm(directory, { recursive: true });
    },
  };
}

async function run(ports: Ports, worker: Worker): Promise<() => Promise<void>> {
  const stop = new AbortController();
  const { done } = await worker({ ports, name: "test", stopping: stop.signal });
  return async () => {
    stop.abort();
    await done;
  };
}

/** Makes on the servers what the stacks make on AWS, and tells where all of it is, as the stacks tell a worker. */
async function prepare({ s3, sqs, kafka, kms, aurora, valkey }: StandIns, directory: string, url: string) {
  const aws = {
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ENDPOINT_URL_SQS: sqs.url,
    AWS_ENDPOINT_URL_KMS: kms.url,
  };
  for (const [name, value] of Object.entries(aws)) vi.stubEnv(name, value);
  const [services, { connections, admin }, topics] = await Promise.all([
    makeServices(),
    preparePostgres(aurora),
    ownTopics(kafka.bootstrap),
  ]);
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, aurora.ca);
  const environment: Record<string, string> = {
    ...aws,
    ...services,
    STRONGROOM_BACKEND: "aws",
    STRONGROOM_S3_PATH_STYLE: "true",
    STRONGROOM_KAFKA_BROKERS: topics.brokers.join(","),
    STRONGROOM_KAFKA_AUTH: topics.auth.kind,
    STRONGROOM_KAFKA_PREFIX: topics.prefix,
    STRONGROOM_DATABASE_URL_APP: formatConnection(connections.app),
    STRONGROOM_DATABASE_URL_SYSTEM: formatConnection(connections.system),
    STRONGROOM_DATABASE_CA_FILE: caFile,
    STRONGROOM_CACHE_URL: valkey.url,
    STRONGROOM_PUBLIC_URL: url,
    STRONGROOM_ISSUER: `${url}/issuer`,
    STRONGROOM_AUDIENCE: "strongroom",
  };
  return { environment, admin };
}

/** Whose notification it is: S3 sends those of one bucket, the stand-in those of all. */
function bucketOf(notification: string): string | undefined {
  type Created = { Records?: { s3: { bucket: { name: string } } }[] };
  return (JSON.parse(notification) as Created).Records?.[0]?.s3.bucket.name;
}

import { use } from "sst/constructs";
import { cache } from "./cache.ts";
import { database, doorOf } from "./database.ts";
import { identity } from "./identity.ts";
import { keys } from "./keys.ts";
import { queues } from "./queues.ts";
import type { CellName } from "./stage.ts";
import { storage } from "./storage.ts";
import { stream } from "./stream.ts";

/** Every variable that stacks give to functions and workers; core/config reads the same names. */
export const variables = {
  backend: "STRONGROOM_BACKEND",
  publicUrl: "STRONGROOM_PUBLIC_URL",
  cell: "STRONGROOM_CELL",
  issuer: "STRONGROOM_ISSUER",
  audience: "STRONGROOM_AUDIENCE",
  userClaim: "STRONGROOM_USER_CLAIM",
  tenantClaim: "STRONGROOM_TENANT_CLAIM",
  ticketKey: "STRONGROOM_TICKET_KEY",
  stagingBucket: "STRONGROOM_STAGING_BUCKET",
  vaultBucket: "STRONGROOM_VAULT_BUCKET",
  dataKey: "STRONGROOM_DATA_KEY_ARN",
  receiptKey: "STRONGROOM_RECEIPT_KEY_ARN",
  ingestQueue: "STRONGROOM_QUEUE_INGEST_URL",
  ingestDead: "STRONGROOM_QUEUE_INGEST_DEAD_URL",
  documentsQueue: "STRONGROOM_QUEUE_DOCUMENTS_URL",
  documentsDead: "STRONGROOM_QUEUE_DOCUMENTS_DEAD_URL",
  lateQueue: "STRONGROOM_QUEUE_LATE_URL",
  lateDead: "STRONGROOM_QUEUE_LATE_DEAD_URL",
  databaseHost: "STRONGROOM_DATABASE_HOST",
  databasePort: "STRONGROOM_DATABASE_PORT",
  databaseName: "STRONGROOM_DATABASE_NAME",
  databaseAuth: "STRONGROOM_DATABASE_AUTH",
  ownerSecret: "STRONGROOM_DATABASE_OWNER_SECRET_ARN",
  brokers: "STRONGROOM_KAFKA_BROKERS",
  brokerAuth: "STRONGROOM_KAFKA_AUTH",
  topicPrefix: "STRONGROOM_KAFKA_PREFIX",
  cacheUrl: "STRONGROOM_CACHE_URL",
  originSecret: "STRONGROOM_ORIGIN_SECRET",
  backupDays: "STRONGROOM_BACKUP_DAYS",
} as const;

export type Variable = keyof typeof variables;
type Values = Partial<Record<Variable, string>>;

/** What a developer's own database and stream are reached by, under live debugging: handed through from their shell. */
const local = [
  "STRONGROOM_DATABASE_URL_APP",
  "STRONGROOM_DATABASE_URL_SYSTEM",
  "STRONGROOM_DATABASE_URL_EMBEDDED",
];

/** The variables under their names. */
export const named = (values: Values): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [variables[key as Variable], value]));

/** What functions and workers of a cell have in common. Functions reach the database by its proxy, if there is one. */
export function environmentOf(cell: CellName, who: "function" | "worker"): Record<string, string> {
  const { issuer, audience, claims } = use(identity);
  const { staging, vault } = use(storage);
  const { ingest, documents, late } = use(queues)(cell);
  return {
    ...named({
      backend: "aws",
      cell,
      issuer,
      audience,
      userClaim: claims.user,
      tenantClaim: claims.tenant,
      stagingBucket: staging.bucketName,
      vaultBucket: vault.bucketName,
      dataKey: use(keys).dataKeyArn,
      receiptKey: use(keys).receiptKeyArn,
      ingestQueue: ingest.queue.queueUrl,
      ingestDead: ingest.dead.queueUrl,
      documentsQueue: documents.queue.queueUrl,
      documentsDead: documents.dead.queueUrl,
      lateQueue: late.queue.queueUrl,
      lateDead: late.dead.queueUrl,
      ...baseValues(who),
    }),
    ...(use(database) === null && localValues()),
  };
}

function baseValues(who: "function" | "worker"): Values {
  const db = use(database);
  const log = use(stream);
  const memory = use(cache);
  return {
    ...(db && {
      databaseHost: doorOf(db, who).host,
      databasePort: db.port,
      databaseName: db.name,
      databaseAuth: "iam",
      ...(who === "worker" && { ownerSecret: db.secretArn }), // its name: the migrator alone may read it
    }),
    ...(log && { brokers: log.brokers, brokerAuth: "iam", topicPrefix: log.prefix }),
    ...(memory && { cacheUrl: memory.url }),
  };
}

const localValues = (): Record<string, string> =>
  Object.fromEntries(local.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));

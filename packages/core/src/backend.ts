import * as z from "zod";
import { parseConnection } from "./connection.ts";
import type { Connection } from "./ports/database.ts";
import type { QueueName } from "./ports/queue.ts";

/** Everything on one machine, below one directory. */
export type EmbeddedBackend = {
  kind: "embedded";
  dataDirectory: string;
  connections: Record<"app" | "system" | "embedded", Connection>;
};

/** Aurora by IAM (each role is a user), or any PostgreSQL by passwords. */
export type AwsDatabase =
  | { auth: "iam"; server: Pick<Connection, "host" | "port" | "database"> }
  | { auth: "password"; connections: Record<"app" | "system", Connection> };

/** The services of one cell; what a process was not given is null, and its port says so when it is called. */
export type AwsBackend = {
  kind: "aws";
  region: string;
  buckets: { staging: string; vault: string };
  /** Buckets are named in the path, not in the host: for servers other than S3. */
  pathStyle: boolean;
  queues: Record<QueueName, { url: string; deadLetterUrl: string }>;
  kafka: {
    brokers: string[];
    auth: { kind: "msk-iam"; region: string } | { kind: "plain" };
    prefix: string;
  } | null;
  keys: { dataKeyId: string; signingKeyIds: [string, ...string[]] };
  database: AwsDatabase & { caFile: string | null };
  push: { serviceAccount: string } | null;
  /** Null: each process remembers for itself. */
  cache: { url: string } | null;
};

export type Backend = EmbeddedBackend | AwsBackend;

/** A URL in the environment. */
export const url = z.string().refine((text) => URL.canParse(text), "not a URL");
const connectionUrl = url.transform(parseConnection);
const filled = z.string().min(1);
const list = z
  .string()
  .transform((text) => text.split(",").map((item) => item.trim()))
  .pipe(z.array(filled));

const EmbeddedEnvironment = z.object({
  STRONGROOM_DATA: filled,
  STRONGROOM_DATABASE_URL_APP: connectionUrl,
  STRONGROOM_DATABASE_URL_SYSTEM: connectionUrl,
  STRONGROOM_DATABASE_URL_EMBEDDED: connectionUrl,
  // One process is all there is: it needs both.
  STRONGROOM_UPLOAD_KEY: filled,
  STRONGROOM_TICKET_KEY: filled,
});

const AwsEnvironment = z.object({
  AWS_REGION: filled,
  STRONGROOM_STAGING_BUCKET: filled,
  STRONGROOM_VAULT_BUCKET: filled,
  STRONGROOM_S3_PATH_STYLE: z.stringbool().default(false),
  STRONGROOM_QUEUE_INGEST_URL: url,
  STRONGROOM_QUEUE_INGEST_DEAD_URL: url,
  STRONGROOM_QUEUE_DOCUMENTS_URL: url,
  STRONGROOM_QUEUE_DOCUMENTS_DEAD_URL: url,
  STRONGROOM_QUEUE_LATE_URL: url,
  STRONGROOM_QUEUE_LATE_DEAD_URL: url,
  STRONGROOM_KAFKA_BROKERS: list.optional(),
  STRONGROOM_KAFKA_AUTH: z.enum(["iam", "plain"]).default("iam"),
  STRONGROOM_KAFKA_PREFIX: z.string().default(""),
  STRONGROOM_DATA_KEY_ARN: filled,
  STRONGROOM_RECEIPT_KEY_ARN: filled,
  STRONGROOM_RETIRED_RECEIPT_KEY_ARNS: list.default([]),
  STRONGROOM_DATABASE_CA_FILE: filled.optional(),
  STRONGROOM_FIREBASE_SERVICE_ACCOUNT: filled.optional(),
  STRONGROOM_CACHE_URL: url.optional(),
});

const ByIam = z
  .object({
    STRONGROOM_DATABASE_HOST: filled,
    STRONGROOM_DATABASE_PORT: z.coerce.number().int().min(1).max(65_535).default(5432),
    STRONGROOM_DATABASE_NAME: filled,
  })
  .transform((env): AwsDatabase => {
    const {
      STRONGROOM_DATABASE_HOST: host,
      STRONGROOM_DATABASE_PORT: port,
      STRONGROOM_DATABASE_NAME: database,
    } = env;
    return { auth: "iam", server: { host, port, database } };
  });
const ByPassword = z
  .object({ STRONGROOM_DATABASE_URL_APP: connectionUrl, STRONGROOM_DATABASE_URL_SYSTEM: connectionUrl })
  .transform((env): AwsDatabase => {
    const connections = { app: env.STRONGROOM_DATABASE_URL_APP, system: env.STRONGROOM_DATABASE_URL_SYSTEM };
    return { auth: "password", connections };
  });

/** What the environment has to say of the services behind the ports; which variables are needed depends on two of them. */
export function backendIn(environment: Record<string, string | undefined>): z.ZodType<{ backend: Backend }> {
  const Kind = z.object({ STRONGROOM_BACKEND: z.enum(["embedded", "aws"]).default("embedded") });
  if ((environment["STRONGROOM_BACKEND"] ?? "embedded") !== "aws")
    return Kind.extend(EmbeddedEnvironment.shape).transform((env) => ({ backend: embeddedBackend(env) }));
  const Auth = z.object({ STRONGROOM_DATABASE_AUTH: z.enum(["iam", "password"]).default("password") });
  const database = environment["STRONGROOM_DATABASE_AUTH"] === "iam" ? ByIam : ByPassword;
  const Found = z.intersection(
    AwsEnvironment.extend(Auth.shape),
    database.transform((found) => ({ database: found })),
  );
  return Found.transform((env) => ({ backend: awsBackend(env) }));
}

const embeddedBackend = (env: z.infer<typeof EmbeddedEnvironment>): EmbeddedBackend => ({
  kind: "embedded",
  dataDirectory: env.STRONGROOM_DATA,
  connections: {
    app: env.STRONGROOM_DATABASE_URL_APP,
    system: env.STRONGROOM_DATABASE_URL_SYSTEM,
    embedded: env.STRONGROOM_DATABASE_URL_EMBEDDED,
  },
});

type FoundOnAws = z.infer<typeof AwsEnvironment> & { database: AwsDatabase };

const awsBackend = (env: FoundOnAws): AwsBackend => ({
  kind: "aws",
  region: env.AWS_REGION,
  buckets: { staging: env.STRONGROOM_STAGING_BUCKET, vault: env.STRONGROOM_VAULT_BUCKET },
  pathStyle: env.STRONGROOM_S3_PATH_STYLE,
  queues: {
    ingest: { url: env.STRONGROOM_QUEUE_INGEST_URL, deadLetterUrl: env.STRONGROOM_QUEUE_INGEST_DEAD_URL },
    documents: {
      url: env.STRONGROOM_QUEUE_DOCUMENTS_URL,
      deadLetterUrl: env.STRONGROOM_QUEUE_DOCUMENTS_DEAD_URL,
    },
    late: { url: env.STRONGROOM_QUEUE_LATE_URL, deadLetterUrl: env.STRONGROOM_QUEUE_LATE_DEAD_URL },
  },
  kafka: kafkaIn(env),
  keys: {
    dataKeyId: env.STRONGROOM_DATA_KEY_ARN,
    signingKeyIds: [env.STRONGROOM_RECEIPT_KEY_ARN, ...env.STRONGROOM_RETIRED_RECEIPT_KEY_ARNS],
  },
  database: { ...env.database, caFile: env.STRONGROOM_DATABASE_CA_FILE ?? null },
  push: orNull(env.STRONGROOM_FIREBASE_SERVICE_ACCOUNT, (serviceAccount) => ({ serviceAccount })),
  cache: orNull(env.STRONGROOM_CACHE_URL, (found) => ({ url: found })),
});

const kafkaIn = (env: FoundOnAws): AwsBackend["kafka"] =>
  orNull(env.STRONGROOM_KAFKA_BROKERS, (brokers) => ({
    brokers,
    auth:
      env.STRONGROOM_KAFKA_AUTH === "iam" ? { kind: "msk-iam", region: env.AWS_REGION } : { kind: "plain" },
    prefix: env.STRONGROOM_KAFKA_PREFIX,
  }));

const orNull = <From, To>(value: From | undefined, make: (value: From) => To): To | null =>
  value === undefined ? null : make(value);

import { expect, it } from "vitest";
import { readConfig } from "./config.ts";

const common = {
  STRONGROOM_PUBLIC_URL: "https://api.example/",
  STRONGROOM_ISSUER: "https://issuer.example",
  STRONGROOM_AUDIENCE: "strongroom",
};
const embedded = {
  ...common,
  STRONGROOM_DATA: "/data",
  STRONGROOM_DATABASE_URL_APP: "postgres://app:p%40ss@127.0.0.1:7432/strongroom",
  STRONGROOM_DATABASE_URL_SYSTEM: "postgres://system:s@127.0.0.1/strongroom",
  STRONGROOM_DATABASE_URL_EMBEDDED: "postgres://embedded:e@127.0.0.1/strongroom",
  STRONGROOM_UPLOAD_KEY: "01".repeat(32),
  STRONGROOM_TICKET_KEY: "02".repeat(32),
};
const queue = (name: string) => `https://sqs.example/${name}`;
const aws = {
  ...common,
  STRONGROOM_BACKEND: "aws",
  AWS_REGION: "eu-central-1",
  STRONGROOM_STAGING_BUCKET: "staging",
  STRONGROOM_VAULT_BUCKET: "vault",
  STRONGROOM_QUEUE_INGEST_URL: queue("ingest"),
  STRONGROOM_QUEUE_INGEST_DEAD_URL: queue("ingest-dead"),
  STRONGROOM_QUEUE_DOCUMENTS_URL: queue("documents"),
  STRONGROOM_QUEUE_DOCUMENTS_DEAD_URL: queue("documents-dead"),
  STRONGROOM_QUEUE_LATE_URL: queue("late"),
  STRONGROOM_QUEUE_LATE_DEAD_URL: queue("late-dead"),
  STRONGROOM_DATA_KEY_ARN: "arn:data",
  STRONGROOM_RECEIPT_KEY_ARN: "arn:receipt",
  STRONGROOM_DATABASE_AUTH: "iam",
  STRONGROOM_DATABASE_HOST: "db.example",
  STRONGROOM_DATABASE_NAME: "strongroom",
};

it("one machine is what runs unless said otherwise", () => {
  const { backend, publicUrl, secrets } = readConfig(embedded);
  expect(publicUrl).toBe("https://api.example");
  expect(backend).toMatchObject({ kind: "embedded", dataDirectory: "/data" });
  expect(backend.kind === "embedded" && backend.connections.app).toEqual({
    host: "127.0.0.1",
    port: 7432,
    database: "strongroom",
    user: "app",
    password: "p@ss",
  });
  expect([secrets.uploadKey[0], secrets.ticketKey[0]]).toEqual([1, 2]);
});

it("on AWS the services of the cell are read, and what is optional may be absent", () => {
  expect(readConfig(aws).backend).toEqual({
    kind: "aws",
    region: "eu-central-1",
    buckets: { staging: "staging", vault: "vault" },
    pathStyle: false,
    queues: {
      ingest: { url: queue("ingest"), deadLetterUrl: queue("ingest-dead") },
      documents: { url: queue("documents"), deadLetterUrl: queue("documents-dead") },
      late: { url: queue("late"), deadLetterUrl: queue("late-dead") },
    },
    kafka: null,
    keys: { dataKeyId: "arn:data", signingKeyIds: ["arn:receipt"] },
    database: {
      auth: "iam",
      server: { host: "db.example", port: 5432, database: "strongroom" },
      caFile: null,
    },
    push: null,
    cache: null,
  });
});

it("a worker of AWS is given stream, push, cache and the keys of former receipts as well", () => {
  const given = {
    STRONGROOM_KAFKA_BROKERS: "b-1:9098, b-2:9098",
    STRONGROOM_KAFKA_PREFIX: "pr-12.",
    STRONGROOM_FIREBASE_SERVICE_ACCOUNT: "{}",
    STRONGROOM_CACHE_URL: "rediss://cache.example:6379",
    STRONGROOM_RETIRED_RECEIPT_KEY_ARNS: "arn:newer,arn:older",
    STRONGROOM_DATABASE_CA_FILE: "/etc/rds.pem",
  };
  expect(readConfig({ ...aws, ...given }).backend).toMatchObject({
    kafka: {
      brokers: ["b-1:9098", "b-2:9098"],
      auth: { kind: "msk-iam", region: "eu-central-1" },
      prefix: "pr-12.",
    },
    keys: { signingKeyIds: ["arn:receipt", "arn:newer", "arn:older"] },
    database: { caFile: "/etc/rds.pem" },
    push: { serviceAccount: "{}" },
    cache: { url: "rediss://cache.example:6379" },
  });
});

it("without IAM the database is come to by URL, as under live debugging", () => {
  const { STRONGROOM_DATABASE_URL_APP, STRONGROOM_DATABASE_URL_SYSTEM } = embedded;
  const { STRONGROOM_DATABASE_AUTH: _, ...rest } = aws;
  const { backend } = readConfig({ ...rest, STRONGROOM_DATABASE_URL_APP, STRONGROOM_DATABASE_URL_SYSTEM });
  expect(backend).toMatchObject({ database: { auth: "password", connections: { app: { user: "app" } } } });
});

it("a process on AWS that was not given a secret is told when it reads it", () => {
  const { secrets } = readConfig({ ...aws, STRONGROOM_TICKET_KEY: "03".repeat(32) });
  expect(secrets.ticketKey[0]).toBe(3);
  expect(() => secrets.uploadKey).toThrow("this process was not given STRONGROOM_UPLOAD_KEY");
});

it.each([
  ["one machine", embedded, Object.keys(embedded)],
  [
    "AWS",
    aws,
    Object.keys(aws).filter((name) => !["STRONGROOM_BACKEND", "STRONGROOM_DATABASE_AUTH"].includes(name)),
  ],
])("for %s one error names everything that is missing", (_, environment, names) => {
  const empty = Object.fromEntries(Object.entries(environment).filter(([name]) => !names.includes(name)));
  const read = () => readConfig(empty);
  for (const name of names) expect(read).toThrow(name);
});

it.each([
  ["STRONGROOM_BACKEND", "azure"],
  ["STRONGROOM_DATABASE_AUTH", "none"],
  ["STRONGROOM_QUEUE_LATE_URL", "late"],
  ["STRONGROOM_KAFKA_BROKERS", "a:1,,b:2"],
  ["STRONGROOM_KAFKA_AUTH", "none"],
  ["STRONGROOM_S3_PATH_STYLE", "perhaps"],
  ["STRONGROOM_DATABASE_PORT", "65536"],
  ["STRONGROOM_TICKET_KEY", "00"],
  ["STRONGROOM_ISSUER", "http://issuer.example"],
])("%s cannot be %j", (name, value) => {
  expect(() => readConfig({ ...aws, [name]: value })).toThrow(name);
});

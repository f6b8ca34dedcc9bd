import { generateKeyPairSync } from "node:crypto";
import { afterEach, expect, it } from "vitest";
import { defaultClaims } from "../claim-names.ts";
import { type AwsBackend, type Config, dividePeriods } from "../config.ts";
import { silentLog } from "../log.ts";
import { connectLambda } from "./connect-lambda.ts";
import { connectAws } from "./connect.ts";

const nowhere = { url: "http://127.0.0.1:1/q", deadLetterUrl: "http://127.0.0.1:1/d" };
const backend: AwsBackend = {
  kind: "aws",
  region: "eu-central-1",
  buckets: { staging: "staging", vault: "vault" },
  pathStyle: false,
  queues: { ingest: nowhere, documents: nowhere, late: nowhere },
  kafka: null,
  keys: { dataKeyId: "data", signingKeyIds: ["receipt"] },
  database: { auth: "iam", server: { host: "127.0.0.1", port: 1, database: "none" }, caFile: null },
  push: null,
  cache: null,
};
const configOf = (changes: Partial<AwsBackend> = {}): Config => ({
  publicUrl: "https://api.example",
  cell: "even",
  backend: { ...backend, ...changes },
  auth: { issuer: "https://issuer.example", audience: "strongroom", claims: defaultClaims },
  secrets: { uploadKey: new Uint8Array(32), ticketKey: new Uint8Array(32), originSecrets: [] },
  periods: dividePeriods(1),
  jobs: 1,
  maxRetries: 1,
  backupDays: 35,
});

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => void (await Promise.all(opened.splice(0).map((ports) => ports.close()))));
const keep = async <Ports extends { close(): Promise<void> }>(ports: Promise<Ports>): Promise<Ports> => {
  opened.push(await ports);
  return await ports;
};

it("a function connects without a stream or a push, and one that calls them is told what is missing", async () => {
  const ports = await keep(connectLambda(configOf(), silentLog));
  await expect(ports.stream.publish("documents", [])).rejects.toThrow("STRONGROOM_KAFKA_BROKERS");
  await expect(ports.push.send({ token: "t", tag: "t", data: {} })).rejects.toThrow(
    "STRONGROOM_FIREBASE_SERVICE_ACCOUNT",
  );
});

it("without Valkey a process remembers for itself", async () => {
  const { cache } = await keep(connectLambda(configOf(), silentLog));
  await cache.set("name", "value", 1_000);
  expect(await cache.get("name")).toBe("value");
});

it("a worker is given the stream and the push that its configuration names", async () => {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const serviceAccount = JSON.stringify({
    project_id: "p",
    client_email: "a@b.example",
    private_key: privateKey,
  });
  const kafka = { brokers: ["127.0.0.1:1"], auth: { kind: "plain" }, prefix: "" } as const;
  const ports = await keep(
    connectAws(
      configOf({ push: { serviceAccount }, kafka: { ...kafka, brokers: [...kafka.brokers] } }),
      silentLog,
    ),
  );
  const long = { token: "t", tag: "t".repeat(65), data: {} };
  await expect(ports.push.send(long)).rejects.toThrow("64 characters");
  expect(await ports.stream.publish("documents", [])).toEqual([]);
});

it("a configuration for one machine is refused", async () => {
  const connections = { app: backend.database, system: backend.database } as never;
  const config = { ...configOf(), backend: { kind: "embedded", dataDirectory: "", connections } as const };
  await expect(connectLambda(config, silentLog)).rejects.toThrow("not for AWS");
});

it("a missing file of authorities is told at the start", async () => {
  const database = { ...backend.database, caFile: "/nowhere/rds.pem" };
  await expect(connectLambda(configOf({ database }), silentLog)).rejects.toThrow("/nowhere/rds.pem");
});

import { afterEach, beforeEach, expect, it, vi } from "vitest";

/** A function that reaches nobody before it is asked something. */
const environment = {
  STRONGROOM_BACKEND: "aws",
  STRONGROOM_PUBLIC_URL: "https://api.example",
  STRONGROOM_ISSUER: "https://issuer.example",
  STRONGROOM_AUDIENCE: "strongroom",
  AWS_REGION: "eu-central-1",
  STRONGROOM_STAGING_BUCKET: "staging",
  STRONGROOM_VAULT_BUCKET: "vault",
  STRONGROOM_QUEUE_INGEST_URL: "https://sqs.example/ingest",
  STRONGROOM_QUEUE_INGEST_DEAD_URL: "https://sqs.example/ingest-dead",
  STRONGROOM_QUEUE_DOCUMENTS_URL: "https://sqs.example/documents",
  STRONGROOM_QUEUE_DOCUMENTS_DEAD_URL: "https://sqs.example/documents-dead",
  STRONGROOM_QUEUE_LATE_URL: "https://sqs.example/late",
  STRONGROOM_QUEUE_LATE_DEAD_URL: "https://sqs.example/late-dead",
  STRONGROOM_DATA_KEY_ARN: "data",
  STRONGROOM_RECEIPT_KEY_ARN: "receipt",
  STRONGROOM_DATABASE_AUTH: "iam",
  STRONGROOM_DATABASE_HOST: "127.0.0.1",
  STRONGROOM_DATABASE_NAME: "none",
};
const configure = (audience: string) => {
  for (const [name, value] of Object.entries({ ...environment, STRONGROOM_AUDIENCE: audience }))
    vi.stubEnv(name, value);
};
/** The module as a new process loads it. */
const load = async () => {
  vi.resetModules();
  return await import("./ports.ts");
};

beforeEach(() => configure("at the start"));
afterEach(() => vi.unstubAllEnvs());
const audienceOf = async ({ connectedPorts }: Awaited<ReturnType<typeof load>>) =>
  (await connectedPorts()).config.auth.audience;

it("on Lambda ports are connected while the function starts", async () => {
  vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "reader");
  const loaded = await load();
  configure("at the first request");
  expect(await audienceOf(loaded)).toBe("at the start");
});

it("elsewhere they are when the first request asks for them", async () => {
  const loaded = await load();
  configure("at the first request");
  expect(await audienceOf(loaded)).toBe("at the first request");
});

it("what fails at the start is told to the request, and tried anew by it", async () => {
  vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "reader");
  configure("");
  const loaded = await load();
  await expect(audienceOf(loaded)).rejects.toThrow("STRONGROOM_AUDIENCE");
  configure("at last");
  expect(await audienceOf(loaded)).toBe("at last");
});

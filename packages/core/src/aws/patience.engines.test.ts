import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isOutage } from "../database/outage.ts";
import { createKmsClient, createKmsKeys } from "./keys.ts";
import { createSqsQueue } from "./queue.ts";

const sockets: Socket[] = [];
/** It takes every request and answers none. */
const deaf = createServer((socket) => void sockets.push(socket.on("error", () => {}).resume()));
beforeAll(async () => {
  deaf.listen(0, "127.0.0.1");
  await once(deaf, "listening");
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  deaf.close();
});

const client = () => ({
  endpoint: `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`,
  region: "eu-central-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
  maxAttempts: 1,
});

it.concurrent("KMS that answers nothing is an outage after ten seconds", async () => {
  const keys = createKmsKeys(createKmsClient(client()), { dataKeyId: "data", signingKeyIds: ["receipt"] });
  await expectOutage(keys.generateDataKey({}), { afterMs: 10_000 });
  await keys.close();
});

it.concurrent("SQS that answers nothing is an outage after thirty seconds, ten more than a poll is silent", async () => {
  const nowhere = { url: `${client().endpoint}/queue`, deadLetterUrl: `${client().endpoint}/dead` };
  const queues = { ingest: nowhere, documents: nowhere, late: nowhere };
  const queue = createSqsQueue({ client: client(), queues });
  const poll = queue.receive("documents", { max: 1, waitMs: 20_000, visibilityMs: 1_000 });
  await expectOutage(poll, { afterMs: 30_000 });
  await queue.close();
});

async function expectOutage(calling: Promise<unknown>, { afterMs }: { afterMs: number }): Promise<void> {
  const startedMs = performance.now();
  const error = await calling.catch((caught: unknown) => caught);
  const tookMs = performance.now() - startedMs;
  expect(isOutage(error), String(error)).toBe(true);
  expect(tookMs).toBeGreaterThan(afterMs - 100);
  expect(tookMs).toBeLessThan(afterMs + 8_000);
}

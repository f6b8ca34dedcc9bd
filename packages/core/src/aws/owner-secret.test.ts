import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { readOwnerSecret } from "./owner-secret.ts";

/** Secrets Manager as far as it is asked here. */
let secret: string;
const asked: unknown[] = [];
const server = createServer((request, response) => {
  void json(request).then((body) => {
    asked.push([request.headers["x-amz-target"], body]);
    response
      .setHeader("content-type", "application/x-amz-json-1.1")
      .end(JSON.stringify({ SecretString: secret }));
  });
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", `http://127.0.0.1:${port}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "id");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "key");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => void (asked.length = 0));

const arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!cluster-example";
const read = () => readOwnerSecret({ arn, region: "us-east-1" });

it("the master's user and password are what RDS wrote into its secret", async () => {
  secret = JSON.stringify({ username: "strongroom_root", password: "p:@/ss", engine: "postgres" });
  expect(await read()).toEqual({ user: "strongroom_root", password: "p:@/ss" });
  expect(asked).toEqual([["secretsmanager.GetSecretValue", { SecretId: arn }]]);
});

it.each(["null", "{}", JSON.stringify({ username: "root", password: "" })])(
  "a secret without them is a fault and not an empty password: %s",
  async (text) => {
    secret = text;
    await expect(read()).rejects.toThrow();
  },
);

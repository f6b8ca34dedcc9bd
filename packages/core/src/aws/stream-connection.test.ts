import { expect, onTestFinished, test } from "vitest";
import { clientOptions, mskToken } from "./stream-connection.ts";

const connection = { brokers: ["b-1.example:9098"], prefix: "" };

test("towards MSK every connection is TLS and asks for a token of its own", () => {
  const { tls, sasl } = clientOptions(
    { ...connection, auth: { kind: "msk-iam", region: "eu-central-1" } },
    "member",
  );
  expect(tls).toEqual({});
  expect(sasl).toMatchObject({ mechanism: "OAUTHBEARER", token: expect.any(Function) });
  const plain = clientOptions({ ...connection, auth: { kind: "plain" } }, "member");
  expect([plain.tls, plain.sasl]).toEqual([undefined, undefined]);
});

test("a token for MSK is signed by the process's own role, for its region and 15 minutes", async () => {
  const before = { ...process.env };
  onTestFinished(() => void (process.env = before));
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_SESSION_TOKEN: "session",
  });
  const url = new URL(Buffer.from(await mskToken("eu-central-1"), "base64url").toString());
  expect(url.host).toBe("kafka.eu-central-1.amazonaws.com");
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    Action: "kafka-cluster:Connect",
    "X-Amz-Expires": "900",
    "X-Amz-Credential": expect.stringMatching(
      /^AKIAEXAMPLE\/\d{8}\/eu-central-1\/kafka-cluster\/aws4_request$/,
    ),
    "X-Amz-Security-Token": "session",
  });
});

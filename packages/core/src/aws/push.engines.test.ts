import { randomUUID } from "node:crypto";
import { makeCertificate } from "@strongroom/local/engines/certificate";
import { expect, onTestFinished, test } from "vitest";
import { pushContract } from "../contract/push.ts";
import { appleSays, badField, FakeFcm, malformedToken, refusal } from "./push-testbed.ts";
import { createFcmPush } from "./push.ts";

async function openPush() {
  const fake = await FakeFcm.open(await makeCertificate());
  const { serviceAccount, credential } = fake;
  const push = createFcmPush({ serviceAccount, credential, httpAgent: fake.agent() });
  const close = async () => {
    await push.close();
    await fake.close();
  };
  return { fake, push, close };
}

pushContract("FCM", async () => {
  const { fake, push, close } = await openPush();
  return {
    push,
    close,
    received: async (token) => fake.inbox(token).map(({ data }) => ({ tag: data["tag"]!, data })),
    unregister: async (token) => void fake.dead.add(token),
  };
});

async function openForTest() {
  const opened = await openPush();
  onTestFinished(opened.close);
  const send = () => opened.push.send({ token: "phone", tag: `${randomUUID()}.2`, data: { version: "2" } });
  return { ...opened, send };
}

test("a notice has no words of its own, and one collapse tag for Android, Apple and the web", async () => {
  const { fake, push } = await openForTest();
  const tag = `${randomUUID()}.2`;
  await push.send({ token: "phone", tag, data: { documentId: "1" } });
  const [message] = fake.sent;
  expect(message).not.toHaveProperty("notification");
  expect(message).toMatchObject({ data: { documentId: "1", tag }, android: { collapse_key: tag } });
  expect(message!.apns.headers).toMatchObject({ "apns-collapse-id": tag, "apns-push-type": "background" });
  expect(message!.webpush.headers["Topic"]).toMatch(/^[\w-]{32}$/);
});

test.for([
  ["a 404 that names no dead token, as for a wrong project", refusal(404, "NOT_FOUND")],
  ["an invalid argument", refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")],
  ["an argument of the notice that is invalid", badField("message.data[0].value")],
  ["a notice that is invalid as well as its token", badField("message.token", "message.data[0].value")],
  ["a notice that Apple finds too large", appleSays("PayloadTooLarge")],
  ["an access token that FCM does not take", refusal(401, "UNAUTHENTICATED")],
  ["a right that the service account lacks", refusal(403, "PERMISSION_DENIED")],
  ["too many messages", refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")],
  ["a fault of FCM", refusal(500, "INTERNAL", "INTERNAL")],
] as const)("%s is an error, and no reason to drop a device", async ([, answer]) => {
  const { fake, send } = await openForTest();
  fake.answer = answer;
  await expect(send()).rejects.toThrow("FCM did not take a notice");
  fake.answer = null;
  expect(await send()).toBe("delivered");
});

test.for([
  ["a text that is no token", malformedToken],
  ["a token that FCM names as the invalid field", badField("message.token")],
] as const)("%s has no device behind it", async ([, answer]) => {
  const { fake, send } = await openForTest();
  fake.answer = answer;
  expect(await send()).toBe("unregistered");
});

test.for([
  ["a token of another project", refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")],
  [
    "a phone of a kind that the project has no key for",
    refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
  ],
  ["a token that Apple does not know", appleSays("BadDeviceToken")],
  ["a token of another app at Apple", appleSays("DeviceTokenNotForTopic")],
] as const)(
  "%s is refused: nobody else's notices wait for it, and it may be taken again",
  async ([, answer]) => {
    const { fake, send } = await openForTest();
    fake.answer = answer;
    expect(await send()).toBe("refused");
    fake.answer = null;
    expect(await send()).toBe("delivered");
  },
);

test("an FCM whose certificate nobody vouches for is sent nothing", async () => {
  const { fake } = await openForTest();
  const stranger = await makeCertificate();
  const { serviceAccount, credential } = fake;
  const push = createFcmPush({ serviceAccount, credential, httpAgent: fake.agent(stranger.ca) });
  onTestFinished(() => push.close());
  await expect(push.send({ token: "phone", tag: "1", data: {} })).rejects.toThrow(
    "FCM did not take a notice",
  );
  expect(fake.sent).toEqual([]);
});

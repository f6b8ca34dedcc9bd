import { randomBytes } from "node:crypto";
import { testDatabase } from "@strongroom/local/test-database";
import { expect, test } from "vitest";
import { pushContract } from "../contract/push.ts";
import { createEmbeddedPush } from "./push.ts";
import type { ReceivedNotice } from "./push.ts";

async function openPush() {
  const database = await testDatabase();
  const push = await createEmbeddedPush({ connection: database.connections.embedded });
  const close = async () => {
    await push.close();
    await database.drop();
  };
  return { push, close, connection: database.connections.embedded };
}

pushContract("embedded", async () => {
  const { push, close } = await openPush();
  return {
    push,
    close,
    received: (token) => push.received(token),
    unregister: (token) => push.unregister(token),
  };
});

test("a device that listens is told what another process sends, after what was kept for it", async () => {
  const { push, close, connection } = await openPush();
  const sender = await createEmbeddedPush({ connection });
  await sender.send({ token: "phone", tag: "kept", data: {} });
  const arrivals = new Arrivals();
  const leave = push.subscribe("phone", (notice) => arrivals.add(notice));
  await arrivals.count(1);
  await sender.send({ token: "tablet", tag: "foreign", data: {} });
  await sender.send({ token: "phone", tag: "new", data: { document: "1" } });
  await arrivals.count(2);
  leave();
  await sender.send({ token: "phone", tag: "too late", data: {} });
  expect(arrivals.notices.map((notice) => notice.tag)).toEqual(["kept", "new"]);
  await sender.close();
  await close();
});

test("a device that comes back is told only what it missed", async () => {
  const { push, close } = await openPush();
  for (const tag of ["a", "b", "a"]) await push.send({ token: "phone", tag, data: {} });
  const [b] = await push.received("phone");
  expect(b?.tag).toBe("b");
  const arrivals = new Arrivals();
  push.subscribe("phone", (notice) => arrivals.add(notice), b!.place);
  await arrivals.count(1);
  expect(arrivals.notices.map((notice) => notice.tag)).toEqual(["a"]);
  await close();
});

test("notices sent at the same time to one device get places without gaps", async () => {
  const { push, close } = await openPush();
  const tags = Array.from({ length: 20 }, (_, index) => `document ${index}`);
  await Promise.all(tags.map((tag) => push.send({ token: "phone", tag, data: {} })));
  const places = (await push.received("phone")).map((notice) => notice.place);
  expect(places).toEqual(tags.map((_, index) => index + 1));
  await close();
});

test("a token as long as the index takes is delivered to under any tag, a longer one never", async () => {
  const { push, close } = await openPush();
  const longest = randomBytes(1_536).toString("base64");
  const send = (token: string) => push.send({ token, tag: "\u20ac".repeat(64), data: {} });
  expect([await send(longest), await send(`${longest}x`)]).toEqual(["delivered", "unregistered"]);
  expect(await push.received(longest)).toHaveLength(1);
  await close();
});

class Arrivals {
  readonly notices: ReceivedNotice[] = [];
  #wake = () => {};

  add(notice: ReceivedNotice): void {
    this.notices.push(notice);
    this.#wake();
  }

  async count(wanted: number): Promise<void> {
    while (this.notices.length < wanted) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

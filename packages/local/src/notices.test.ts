import { once } from "node:events";
import { request } from "node:http";
import type { ReceivedNotice } from "@strongroom/core/embedded/push";
import { silentLog } from "@strongroom/core/log";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHttpServer, type HttpServer } from "./http.ts";
import { noticeMount } from "./notices.ts";

type Subscription = { token: string; after: number; tell: (notice: ReceivedNotice) => void };
let subscriptions: Subscription[];
let left: Promise<void>;
let stopping: AbortController;
let server: HttpServer;
let url: string;

beforeEach(async () => {
  subscriptions = [];
  stopping = new AbortController();
  const leaving = Promise.withResolvers<void>();
  left = leaving.promise;
  const subscribe = (token: string, tell: Subscription["tell"], after = 0) => {
    subscriptions.push({ token, after, tell });
    return leaving.resolve;
  };
  const limits = { perDevice: 2, total: 3 };
  const mounts = [noticeMount({ subscribe }, { stopping: stopping.signal, heartbeatMs: 5, limits })];
  server = createHttpServer({ handlers: {}, mounts, log: silentLog });
  ({ url } = await server.listen({ port: 0 }));
});
afterEach(async () => {
  stopping.abort();
  await server.close();
});

const notice = (place: number): ReceivedNotice => ({
  tag: `tag ${place}`,
  data: { documentId: "d" },
  sentAt: new Date(0),
  place,
});

describe("the notices of a device", () => {
  test("come as server-sent events, each with the place to go on from", async () => {
    const response = await fetch(`${url}/notices/my%20phone`, { headers: { "last-event-id": "4" } });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(subscriptions).toMatchObject([{ token: "my phone", after: 4 }]);
    subscriptions[0]!.tell(notice(5));
    stopping.abort();
    const lines = (await response.text()).split("\n\n").filter((line) => !line.startsWith(":"));
    expect(lines[0]).toBe(
      'id: 5\ndata: {"tag":"tag 5","documentId":"d","sentAt":"1970-01-01T00:00:00.000Z"}',
    );
  });

  test("begin at the beginning for a place that is none", async () => {
    await fetch(`${url}/notices/phone`, { headers: { "last-event-id": "yesterday" } });
    expect(subscriptions[0]!.after).toBe(0);
  });

  test("say now and then that they are still there, so that nobody cuts them off", async () => {
    const response = await fetch(`${url}/notices/phone`);
    const { value } = await response.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toBe(": still here\n\n");
  });

  test("are left when the device hangs up", async () => {
    const phone = request(`${url}/notices/phone`).end();
    await once(phone, "response");
    phone.destroy();
    await left;
    expect(subscriptions).toHaveLength(1);
  });

  test("end when the system stops", async () => {
    const response = await fetch(`${url}/notices/phone`);
    stopping.abort();
    await response.text();
    await left;
    await server.close({ graceMs: 60_000 });
  });

  test("are told on so many streams of one device at once, and one more is refused until one has ended", async () => {
    const phone = request(`${url}/notices/phone`).end();
    await Promise.all([once(phone, "response"), fetch(`${url}/notices/phone`)]);
    const refused = await fetch(`${url}/notices/phone`);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await refused.json()).toMatchObject({ code: "rate_limited", retryable: true });
    expect((await fetch(`${url}/notices/tablet`)).status).toBe(200);
    phone.destroy();
    await left;
    expect((await fetch(`${url}/notices/phone`)).status).toBe(200);
    expect(subscriptions.map(({ token }) => token)).toEqual(["phone", "phone", "tablet", "phone"]);
  });

  test("are told on so many streams in all, whatever tokens they name, and one more is refused until one has ended", async () => {
    const first = request(`${url}/notices/1`).end();
    await Promise.all([once(first, "response"), fetch(`${url}/notices/2`), fetch(`${url}/notices/3`)]);
    const refused = await fetch(`${url}/notices/4`);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await refused.json()).toMatchObject({ code: "unavailable", retryable: true });
    expect(subscriptions).toHaveLength(3);
    first.destroy();
    await left;
    expect((await fetch(`${url}/notices/4`)).status).toBe(200);
  });

  test.each([
    ["nobody's", "/notices/", "GET", 404],
    ["a name that cannot be read", "/notices/%zz", "GET", 404],
    ["a request that would change them", "/notices/phone", "POST", 405],
  ])("are refused for %s", async (_, path, method, status) => {
    expect((await fetch(`${url}${path}`, { method })).status).toBe(status);
    expect(subscriptions).toEqual([]);
  });
});

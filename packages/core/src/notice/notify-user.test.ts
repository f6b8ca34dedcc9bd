import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { processOnce, query, receive, standInRenderer } from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CloudEvent } from "../event/event.ts";
import { relayEvents } from "../event/relay-events.ts";
import { DeviceId } from "../ids.ts";
import type { PushAnswer, PushNotice } from "../ports/push.ts";
import type { Ports } from "../ports/ports.ts";
import type { ConsumedRecord } from "../ports/stream.ts";
import { dropDevice } from "../user/drop-device.ts";
import { type Actor, actorName } from "../user/user.ts";
import { registerDevice } from "../user/register-device.ts";
import { notifier, notifyUser, pushTag } from "./notify-user.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
beforeEach(() => query(world, "update device set dropped_at = now()"));

async function device(
  actor: Actor = world.dora,
  pushToken = `token ${randomUUID()}`,
  deviceId = DeviceId.parse(randomUUID()),
) {
  await registerDevice(world.ports, actor, { deviceId, platform: "android", pushToken });
  return { deviceId, pushToken };
}

type Told = Partial<Pick<CloudEvent, "type" | "version" | "subject" | "data" | "tenant" | "id">>;

/** A fact as the stream delivers it. */
function fact(told: Told = {}): ConsumedRecord {
  const event: CloudEvent = CloudEvent.parse({
    specversion: "1.0",
    id: randomUUID(),
    source: "strongroom/even",
    type: "document.stored.v1",
    subject: newDocumentId(),
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    tenant: world.dora.tenantId,
    cell: "even",
    version: 3,
    data: { ownerId: world.dora.userId },
    ...told,
  });
  return {
    topic: "documents",
    partition: 0,
    offset: "0",
    key: event.subject,
    value: JSON.stringify(event),
    headers: {},
  };
}

/** Ports whose pushes are kept, and answered as the test says. */
function pushing(answer: (notice: PushNotice) => Promise<PushAnswer> = async () => "delivered") {
  const sent: PushNotice[] = [];
  const ports: Ports = { ...world.ports, push: { send: (notice) => (sent.push(notice), answer(notice)) } };
  return { sent, ports };
}

const dropped = async (deviceId: string) =>
  (
    await query<{ dropped_at: Date | null }>(world, "select dropped_at from device where id = $1", [deviceId])
  )[0]!.dropped_at !== null;

/** What the audit says of the dropping of a device. */
const droppedLines = (deviceId: string) =>
  query(world, "select actor, detail from audit where subject = $1 and action = 'device.dropped'", [
    deviceId,
  ]);

describe("a person is told what became of their document", () => {
  it.each(["document.stored.v1", "document.rejected.v1", "document.failed.v1"])(
    "on every live device: %s",
    async (type) => {
      const devices = [await device(), await device()];
      await device(world.emil);
      const { sent, ports } = pushing();
      const record = fact({ type });
      expect(await notifyUser(ports, record)).toBe("notified");
      expect(sent.map(({ token }) => token).toSorted()).toEqual(
        devices.map(({ pushToken }) => pushToken).toSorted(),
      );
    },
  );

  it("on the 20 devices used last, however many an older release let through", async () => {
    const { tenantId, userId } = world.dora;
    await query(
      world,
      `insert into device (tenant_id, id, user_id, platform, push_token, registered_at)
       select $1, gen_random_uuid(), $2, 'web', 'age ' || n, clock_timestamp() - make_interval(days => n)
       from generate_series(1, 25) n`,
      [tenantId, userId],
    );
    const { sent, ports } = pushing();
    await notifyUser(ports, fact());
    const newest = Array.from({ length: 20 }, (_, index) => `age ${index + 1}`);
    expect(sent.map(({ token }) => token).toSorted()).toEqual(newest.toSorted());
  });

  it("by an opaque document id, never by content, name or address", async () => {
    await device();
    const { sent, ports } = pushing();
    const record = fact({
      data: { ownerId: world.dora.userId, kind: "cmr", note: "secret", files: [{ name: "page 1.jpg" }] },
    });
    await notifyUser(ports, record);
    expect(sent.map(({ data }) => data)).toEqual([
      { documentId: record.key, type: "document.stored.v1", version: "3" },
    ]);
  });

  it("under one tag per version, which fits into 64 characters for any version there can be", async () => {
    await device();
    const { sent, ports } = pushing();
    const record = fact({ version: 7 });
    await notifyUser(ports, record);
    expect(sent[0]!.tag).toBe(`${record.key}.7`);
    expect(
      pushTag({ subject: newDocumentId(), version: Number.MAX_SAFE_INTEGER }).length,
    ).toBeLessThanOrEqual(64);
  });

  it("and it is noted, with how many devices were reached", async () => {
    await device();
    const { deviceId } = await device();
    const tokens = await query<{ push_token: string }>(world, "select push_token from device where id = $1", [
      deviceId,
    ]);
    const { ports } = pushing(async ({ token }) =>
      token === tokens[0]!.push_token ? "unregistered" : "delivered",
    );
    const record = fact();
    await notifyUser(ports, record);
    const detail = { ownerId: world.dora.userId, reached: 1 };
    expect(await query(world, "select actor, detail from audit where subject = $1", [record.key])).toEqual([
      { actor: "system:notifier", detail: { ...detail, version: 3 } },
    ]);
    const told = await query(world, "select topic, type, version, data from outbox where document_id = $1", [
      record.key,
    ]);
    expect(told).toEqual([
      { topic: "users", type: "user.notified", version: 3, data: { ...detail, about: "document.stored.v1" } },
    ]);
  });

  it("not of facts that only we need to know, nor of those without an owner", async () => {
    await device();
    const { sent, ports } = pushing();
    for (const type of [
      "upload.accepted.v1",
      "document.received.v1",
      "document.edited.v1",
      "user.notified.v1",
      "document.stored.v2",
    ]) {
      expect(await notifyUser(ports, fact({ type }))).toBe("skipped");
    }
    expect(await notifyUser(ports, fact({ data: {} }))).toBe("skipped");
    expect(sent).toEqual([]);
  });

  it("not once they were disabled, and again when they are not", async () => {
    const { pushToken } = await device();
    const disable = (when: string) =>
      query(world, `update app_user set disabled_at = ${when} where id = $1`, [world.dora.userId]);
    const { sent, ports } = pushing();
    await disable("now()");
    try {
      expect(await notifyUser(ports, fact())).toBe("notified");
      expect(sent).toEqual([]);
    } finally {
      await disable("null");
    }
    expect(await notifyUser(ports, fact())).toBe("notified");
    expect(sent.map(({ token }) => token)).toEqual([pushToken]);
  });

  it("not on devices of another tenant, whatever id the fact names", async () => {
    await device(world.franz);
    const { sent, ports } = pushing();
    await notifyUser(ports, fact({ data: { ownerId: world.franz.userId } }));
    expect(sent).toEqual([]);
  });
});

describe("a version is told once", () => {
  it("however often its fact is delivered", async () => {
    await device();
    const { sent, ports } = pushing();
    const record = fact();
    expect([
      await notifyUser(ports, record),
      await notifyUser(ports, record),
      await notifyUser(ports, record),
    ]).toEqual(["notified", "skipped", "skipped"]);
    expect(sent).toHaveLength(1);
  });

  it("and an older one that comes after a newer one is dropped", async () => {
    await device();
    const { sent, ports } = pushing();
    const subject = newDocumentId();
    const outcomes: string[] = [];
    for (const version of [3, 5, 4, 3, 5, 6])
      outcomes.push(await notifyUser(ports, fact({ subject, version })));
    expect(outcomes).toEqual(["notified", "notified", "skipped", "skipped", "skipped", "notified"]);
    expect(sent.map(({ data }) => data["version"])).toEqual(["3", "5", "6"]);
  });

  it("in effect, even when two notifiers meet the same fact at once: one tag, one note", async () => {
    await device();
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    const { sent, ports } = pushing(async () => {
      if (++waiting === 2) gate.resolve();
      await gate.promise;
      return "delivered";
    });
    const record = fact();
    await Promise.all([notifyUser(ports, record), notifyUser(ports, record)]);
    expect(new Set(sent.map(({ tag }) => tag)).size).toBe(1);
    expect(await query(world, "select id from outbox where document_id = $1", [record.key])).toHaveLength(1);
    expect(await query(world, "select id from audit where subject = $1", [record.key])).toHaveLength(1);
  });

  it("document ids of two tenants do not hide one another's facts", async () => {
    await device();
    await device(world.franz);
    const { sent, ports } = pushing();
    const subject = newDocumentId();
    await notifyUser(ports, fact({ subject, version: 9 }));
    expect(
      await notifyUser(
        ports,
        fact({ subject, version: 3, tenant: world.franz.tenantId, data: { ownerId: world.franz.userId } }),
      ),
    ).toBe("notified");
    expect(sent).toHaveLength(2);
  });
});

describe("a device", () => {
  it("is dropped when its token is dead, and only then", async () => {
    const [live, dead] = [await device(), await device()];
    const { ports } = pushing(async ({ token }) => (token === dead.pushToken ? "unregistered" : "delivered"));
    await notifyUser(ports, fact());
    expect([await dropped(live.deviceId), await dropped(dead.deviceId)]).toEqual([false, true]);
    const { sent, ports: later } = pushing();
    await notifyUser(later, fact());
    expect(sent.map(({ token }) => token)).toEqual([live.pushToken]);
    expect(await droppedLines(live.deviceId)).toEqual([]);
    expect(await droppedLines(dead.deviceId)).toEqual([
      { actor: "system:notifier", detail: { reason: "token_dead" } },
    ]);
  });

  it("that its person drops while its token is found dead has one line of it, the person's", async () => {
    const { deviceId } = await device();
    const { ports } = pushing(async () => {
      await dropDevice(world.ports, world.dora, deviceId);
      return "unregistered";
    });
    await notifyUser(ports, fact());
    expect(await droppedLines(deviceId)).toEqual([{ actor: actorName(world.dora), detail: {} }]);
  });

  it("is kept through an outage of the push service, and the fact is not taken as told", async () => {
    const { deviceId } = await device();
    const record = fact();
    await expect(notifyUser(pushing(() => Promise.reject(new Error("503"))).ports, record)).rejects.toThrow(
      "503",
    );
    expect(await dropped(deviceId)).toBe(false);
    const { sent, ports } = pushing();
    expect(await notifyUser(ports, record)).toBe("notified");
    expect(sent).toHaveLength(1);
  });

  it("whose token is refused is kept and told of in the log, without the token; the others are told", async () => {
    const [one, refused, other] = [await device(), await device(), await device()];
    const { sent, ports } = pushing(async ({ token }) =>
      token === refused.pushToken ? "refused" : "delivered",
    );
    const lines: unknown[] = [];
    const log = {
      ...ports.log,
      warn: (event: string, fields?: object) => void lines.push({ event, ...fields }),
    };
    const record = fact();
    expect(await notifyUser({ ...ports, log }, record)).toBe("notified");
    expect(sent.map(({ token }) => token)).toEqual(
      expect.arrayContaining([one.pushToken, refused.pushToken, other.pushToken]),
    );
    expect(await dropped(refused.deviceId)).toBe(false);
    const { tenantId } = world.dora;
    expect(lines).toEqual([{ event: "notice.token_refused", tenantId, deviceId: refused.deviceId }]);
    expect(
      await query(world, "select detail->'reached' as reached from audit where subject = $1", [record.key]),
    ).toEqual([{ reached: 2 }]);
  });

  it("that got a new token while its old one was found dead is kept", async () => {
    const { deviceId, pushToken } = await device();
    const { ports } = pushing(async ({ token }) => {
      if (token !== pushToken) return "delivered";
      await device(world.dora, "a new token", deviceId);
      return "unregistered";
    });
    await notifyUser(ports, fact());
    expect(await dropped(deviceId)).toBe(false);
    expect(await droppedLines(deviceId)).toEqual([]);
  });
});

it("a record that cannot be read is passed over and logged: it would hold up all that come after it", async () => {
  const lines: unknown[] = [];
  const log = {
    ...world.ports.log,
    error: (event: string, fields?: object) => void lines.push({ event, ...fields }),
  };
  for (const value of ["{}", '"text"', "not JSON"]) {
    expect(await notifyUser({ ...pushing().ports, log }, { ...fact(), value, offset: "17" })).toBe("skipped");
  }
  expect(lines).toMatchObject(
    Array.from({ length: 3 }, () => ({ event: "notice.unreadable", offset: "17" })),
  );
});

it("a driver whose token is no token loses that device, and stops the notices of nobody", async () => {
  const { deviceId } = await device(world.dora, randomBytes(3_072).toString("base64"));
  const { pushToken } = await device(world.dora);
  const record = fact();
  expect(await notifyUser(world.ports, record)).toBe("notified");
  expect(await dropped(deviceId)).toBe(true);
  expect(await world.ports.push.received(pushToken)).toMatchObject([
    { tag: pushTag({ subject: record.key as never, version: 3 }) },
  ]);
});

it("from the store to the phone: an outage of the push service is ridden out by the stream, and a person sees one notice", async () => {
  const { pushToken } = await device();
  const bell = await receive(world, world.dora, [randomBytes(50)]);
  await processOnce(world.ports, bell, { renderer: standInRenderer() });
  await relayEvents(world.ports);
  const [stop, notified] = [new AbortController(), new AbortController()];
  let tries = 0;
  const push: Ports["push"] = {
    send: async (notice) => {
      if (++tries <= 2) throw new Error("503");
      return await world.ports.push.send(notice);
    },
  };
  const consuming = world.ports.stream.consume(
    { group: notifier, topics: ["documents"], signal: stop.signal },
    async (record) => {
      if ((await notifyUser({ ...world.ports, push }, record)) === "notified") notified.abort();
    },
  );
  if (!notified.signal.aborted) await once(notified.signal, "abort");
  stop.abort();
  await consuming;
  expect(tries).toBe(3);
  expect(await world.ports.push.received(pushToken)).toMatchObject([
    {
      tag: `${bell.documentId}.3`,
      data: { documentId: bell.documentId, type: "document.stored.v1", version: "3" },
    },
  ]);
});

import { announce, asOwner, newPage, receive, setDocument, walkTo } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { claimDocument } from "../job/claim-document.ts";
import { showDocument } from "../document/show-document.ts";
import { redriveDocument } from "../job/redrive-document.ts";
import { showHealth } from "../job/show-health.ts";
import { checkOverload, unattendedSince } from "./check-overload.ts";

let world: TestWorld;
let tenantId: TestWorld["dora"]["tenantId"];
beforeAll(async () => {
  world = await testWorld();
  ({ tenantId } = world.dora);
});
afterAll(() => world.close());
afterEach(
  async () => void (await asOwner(world, "update document set state = 'erased' where state = 'received'")),
);

const minutes = (count: number) => count * 60_000;

/** The ports of somebody who looks `ageMs` after this document was received. */
function later(receivedAt: string | null, ageMs: number) {
  const now = new Date(Date.parse(receivedAt!) + ageMs);
  return { ...world.ports, clock: { ...systemClock, now: () => now } };
}
const check = async (ports: TestWorld["ports"]) =>
  checkOverload(ports, await ports.database.inOneTrip(tenantId, (tx) => unattendedSince(ports, tx)));
const overloaded = { code: "overloaded", status: 503, retryAfterSeconds: 60 };

describe("while documents wait", () => {
  it("new ones are taken until the oldest waited ten minutes, and refused for a minute after that", async () => {
    const waiting = await receive(world, world.dora, [newPage()]);
    const at = `'${waiting.receivedAt}'`; // whole milliseconds, as it was told
    await setDocument(world, waiting.id, `received_at = ${at}, changed_at = ${at}`);
    for (const ageMs of [0, minutes(10) - 1, minutes(10)]) {
      expect(
        await announce({ ...world, ports: later(waiting.receivedAt, ageMs) }, world.dora, [newPage()]),
      ).toMatchObject({ created: true });
    }
    await expect(
      announce({ ...world, ports: later(waiting.receivedAt, minutes(10) + 1) }, world.dora, [newPage()]),
    ).rejects.toMatchObject(overloaded);
  });

  it("an expired grant is not revived by its client, and is when they no longer wait; a live one is answered", async () => {
    const [page, other] = [newPage(), newPage()];
    const { document } = await announce(world, world.dora, [page]);
    const live = await announce(world, world.dora, [other]);
    await walkTo(world, document.id, "expired");
    const { receivedAt } = await receive(world, world.dora, [newPage()]);
    const [free, busy] = [0, minutes(60)].map((ageMs) => ({ ...world, ports: later(receivedAt, ageMs) }));
    const again = (at: typeof world) => announce(at, world.dora, [page], { id: document.id });
    await expect(again(busy!)).rejects.toMatchObject(overloaded);
    expect(await showDocument(world.ports, world.dora, document.id)).toMatchObject({ state: "expired" });
    expect(await announce(busy!, world.dora, [other], { id: live.document.id })).toMatchObject({
      created: false,
      uploads: [{ position: 1 }],
    });
    expect(await again(free!)).toMatchObject({ document: { state: "granted" } });
  });

  it("the period is the configured one", async () => {
    const { receivedAt } = await receive(world, world.dora, [newPage()]);
    const ports = later(receivedAt, 1_002);
    await expect(
      check({ ...ports, config: { ...world.config, periods: { ...world.config.periods, overload: 1_000 } } }),
    ).rejects.toMatchObject(overloaded);
  });

  it("another company is let in, however long it was: who floods us closes the intake for nobody else", async () => {
    const { receivedAt } = await receive(world, world.franz, [newPage()]);
    const busy = { ...world, ports: later(receivedAt, minutes(60)) };
    await expect(announce(busy, world.franz, [newPage()])).rejects.toMatchObject(overloaded);
    expect(await announce(busy, world.dora, [newPage()])).toMatchObject({ created: true });
    expect(await showHealth(busy.ports)).toMatchObject({ oldestWaitingMs: expect.any(Number) as number });
  });

  it("a document that is announced already is answered, however long the others wait", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page]);
    const { receivedAt } = await receive(world, world.dora, [newPage()]);
    const busy = { ...world, ports: later(receivedAt, minutes(60)) };
    expect(await announce(busy, world.dora, [page], { id: document.id })).toMatchObject({ created: false });
    await expect(announce(busy, world.dora, [newPage()])).rejects.toMatchObject(overloaded);
  });
});

describe("a document that waits for something else than a worker", () => {
  it("does not close the intake while a worker holds it, or when its worker died", async () => {
    const { id, receivedAt } = await receive(world, world.dora, [newPage()]);
    await claimDocument(world.ports, { tenantId: world.dora.tenantId, documentId: id }, "worker:test");
    await check(later(receivedAt, minutes(60)));
    await setDocument(world, id, "lease_until = clock_timestamp() - interval '1 hour'");
    await check(later(receivedAt, minutes(60)));
    expect(await showHealth(later(receivedAt, minutes(60)))).toMatchObject({ status: "degraded" });
    await setDocument(world, id, "state = 'failed', reason = 'test', lease_until = null");
  });

  it("does not close the intake while it rests after a fault of ours; given back unharmed, it waits as before", async () => {
    const { id, receivedAt } = await receive(world, world.dora, [newPage()]);
    await setDocument(world, id, "state = 'processing', retry_at = clock_timestamp() + interval '1 minute'");
    await check(later(receivedAt, minutes(60)));
    await setDocument(world, id, "retry_at = null");
    await expect(check(later(receivedAt, minutes(60)))).rejects.toMatchObject(overloaded);
    await setDocument(world, id, "state = 'failed', reason = 'test'");
  });

  it("does not close the intake when it is sent its way again, however old it is, but does when nobody takes it then", async () => {
    const { id } = await receive(world, world.dora, [newPage()]);
    const old = "received_at = clock_timestamp() - interval '1 day'";
    await setDocument(world, id, `${old}, state = 'processing'`);
    await setDocument(world, id, "state = 'failed', reason = 'test'");
    const { changedAt } = await redriveDocument(world.ports, world.agnes, id);
    await check(later(changedAt, minutes(9)));
    await expect(check(later(changedAt, minutes(11)))).rejects.toMatchObject(overloaded);
  });

  it("does not close the intake when it is announced only, or settled", async () => {
    const { receivedAt } = await receive(world, world.dora, [newPage()]);
    await asOwner(world, "update document set state = 'erased' where state = 'received'");
    await announce(world, world.dora, [newPage()]);
    await check(later(receivedAt, minutes(60)));
  });
});

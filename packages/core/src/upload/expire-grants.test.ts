import { announce, asOwner, eventsOf, newPage, setDocument, walkTo } from "@strongroom/local/test-documents";
import { putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { showDocument } from "../document/show-document.ts";
import { jsonLog } from "../log.ts";
import type { Objects } from "../ports/objects.ts";
import { completeUpload } from "./complete-upload.ts";
import { expireGrants, receiveSilent } from "./expire-grants.ts";
import { signUploads } from "./sign-uploads.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
afterEach(
  async () =>
    void (await asOwner(
      world,
      "update document set state = 'erased' where state in ('granted', 'expired', 'received')",
    )),
);

const show = (id: string) => showDocument(world.ports, world.dora, id);
/** Moves all that a grant knows of time into the past, as if it had been given so long ago. */
const age = (id: string, interval: string) =>
  setDocument(
    world,
    id,
    `created_at = created_at - interval '${interval}', grant_expires_at = grant_expires_at - interval '${interval}'`,
  );

/** Ports whose store fails for keys of this document, and the events of their log. */
function faulty(documentId: string) {
  const told: string[] = [];
  const head: Objects["head"] = (key) =>
    key.includes(documentId) ? Promise.reject(new Error("damaged")) : world.ports.objects.head(key);
  const log = jsonLog({}, (line) => void told.push((JSON.parse(line) as { event: string }).event));
  return { ports: { ...world.ports, log, objects: { ...world.ports.objects, head } }, told };
}

/** A document whose pages are all there, but nobody has said so. */
async function unheard(interval: string): Promise<string> {
  const page = newPage();
  const { document, uploads } = await announce(world, world.dora, [page]);
  await putAll(uploads, [page]);
  await age(document.id, interval);
  return document.id;
}

describe("a grant whose events were lost", () => {
  it("is received after a minute of silence, and not looked at before", async () => {
    const id = await unheard("55 seconds");
    expect(await receiveSilent(world.ports)).toBe(0);
    expect(await show(id)).toMatchObject({ state: "granted" });
    await age(id, "6 seconds");
    expect(await receiveSilent(world.ports)).toBe(1);
    expect(await show(id)).toMatchObject({ state: "received", missing: [] });
  });

  it("with a page missing is looked at again when half of its age at the last look has passed, at least a minute", async () => {
    const pages = [newPage(), newPage()];
    const { document, uploads } = await announce(world, world.dora, pages);
    await putAll(uploads.slice(0, 1), pages);
    await age(document.id, "3 hours");
    expect(await receiveSilent(world.ports)).toBe(0);
    expect(await show(document.id)).toMatchObject({ state: "granted", missing: [2] });
    await putAll(uploads.slice(1), pages);
    const lookedAt = (ago: string) =>
      setDocument(world, document.id, `rung_at = clock_timestamp() - interval '${ago}'`);
    await lookedAt("59 minutes"); // it was two hours and a minute old then
    expect(await receiveSilent(world.ports)).toBe(0);
    await lookedAt("61 minutes"); // it was an hour and 59 minutes old then
    expect(await receiveSilent(world.ports)).toBe(1);
  });

  it("that was revived is looked at as soon as a new one", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page]);
    await age(document.id, "8 days");
    await setDocument(world, document.id, "rung_at = clock_timestamp() - interval '2 days'");
    await walkTo(world, document.id, "expired");
    const revived = await announce(world, world.dora, [page], { id: document.id });
    await putAll(revived.uploads, [page]);
    expect(await receiveSilent(world.ports)).toBe(0);
    await setDocument(world, document.id, "grant_expires_at = grant_expires_at - interval '61 seconds'");
    expect(await receiveSilent(world.ports)).toBe(1);
  });

  it("is not kept waiting by another one that cannot be looked at, which is told and then waits longer", async () => {
    const broken = await unheard("2 hours");
    const sound = await unheard("1 hour");
    const { ports, told } = faulty(broken);
    expect(await receiveSilent(ports)).toBe(1);
    expect(await show(sound)).toMatchObject({ state: "received" });
    expect(told).toContain("grant.look_failed");
    expect(await receiveSilent(world.ports)).toBe(0);
    expect(await show(broken)).toMatchObject({ state: "granted" });
  });

  it("is looked at before those that were announced since its last look, and the rest is the next round's", async () => {
    const before = await unheard("3 hours");
    await setDocument(world, before, "rung_at = clock_timestamp() - interval '2 hours'");
    const since = [await unheard("20 minutes"), await unheard("10 minutes")];
    let nowMs = 0;
    const head: Objects["head"] = (key) => ((nowMs += 5_000), world.ports.objects.head(key));
    const slow = {
      ...world.ports,
      clock: { ...world.ports.clock, monotonicMs: () => nowMs },
      objects: { ...world.ports.objects, head },
    };
    for (const id of [before, ...since]) {
      expect(await receiveSilent(slow)).toBe(1);
      expect(await show(id)).toMatchObject({ state: "received" });
    }
  });

  it("waits for the next round while a dependency of ours is down", async () => {
    await unheard("1 hour");
    const head = () => Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));
    await expect(
      receiveSilent({ ...world.ports, objects: { ...world.ports.objects, head } }),
    ).rejects.toThrow("no");
  });
});

describe("a grant that was left unfinished", () => {
  it("is over when its time is, whether the reconciler has come to it or not; what is all there is taken even then", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    const whole = await unheard("7 days 1 second");
    await age(document.id, "6 days 23 hours 59 minutes");
    expect((await signUploads(world.ports, world.dora, document.id)).uploads).toHaveLength(1);
    await expect(completeUpload(world.ports, world.dora, document.id)).rejects.toMatchObject({
      code: "upload_incomplete",
    });
    await age(document.id, "61 seconds");
    for (const goOn of [signUploads, completeUpload])
      await expect(goOn(world.ports, world.dora, document.id)).rejects.toMatchObject({
        code: "grant_expired",
        status: 410,
      });
    expect(await completeUpload(world.ports, world.dora, whole)).toMatchObject({ state: "received" });
  });

  it("for seven days expires, and its client is told so; a moment before, it does not", async () => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await age(document.id, "6 days 23 hours 59 minutes");
    expect(await expireGrants(world.ports)).toBe(0);
    await age(document.id, "2 minutes");
    expect(await expireGrants(world.ports)).toBe(1);
    const seen = await show(document.id);
    expect(seen).toMatchObject({ state: "expired", version: 2 });
    expect(seen.settledAt).not.toBeNull();
    expect(await eventsOf(world, document.id)).toEqual(["upload.accepted 1", "upload.expired 2"]);
    await expect(completeUpload(world.ports, world.dora, document.id)).rejects.toMatchObject({
      code: "grant_expired",
    });
    expect(await expireGrants(world.ports)).toBe(0);
  });

  it("is received instead when a last look finds that all of it is there", async () => {
    const id = await unheard("8 days");
    expect(await expireGrants(world.ports)).toBe(0);
    expect(await show(id)).toMatchObject({ state: "received" });
  });

  it("but was ended by another reconciler and revived during the last look, goes on", async () => {
    const page = newPage();
    const { document } = await announce(world, world.dora, [page]);
    await age(document.id, "8 days");
    let revived = false;
    const head: Objects["head"] = async (key) => {
      if (!revived) {
        revived = true;
        await walkTo(world, document.id, "expired");
        await announce(world, world.dora, [page], { id: document.id });
      }
      return await world.ports.objects.head(key);
    };
    expect(await expireGrants({ ...world.ports, objects: { ...world.ports.objects, head } })).toBe(0);
    expect(await show(document.id)).toMatchObject({ state: "granted" });
  });

  it("expires although another one cannot be looked at", async () => {
    const grants = await Promise.all([1, 2].map(() => announce(world, world.dora, [newPage()])));
    for (const { document } of grants) await age(document.id, "8 days");
    const [broken, sound] = grants.map(({ document }) => document.id);
    expect(await expireGrants(faulty(broken!).ports)).toBe(1);
    expect((await show(sound!)).state).toBe("expired");
    expect((await show(broken!)).state).toBe("granted");
  });
});

import { announce, asOwner, eventsOf, newPage, receive, walkTo } from "@strongroom/local/test-documents";
import { putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { completeUpload } from "./complete-upload.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

it("names the pages that are missing, and is done once they are there", async () => {
  const pages = [newPage(), newPage(), newPage()];
  const { document, uploads } = await announce(world, world.dora, pages);
  const complete = () => completeUpload(world.ports, world.dora, document.id);
  await putAll(uploads.slice(0, 1), pages);
  await expect(complete()).rejects.toMatchObject({
    code: "upload_incomplete",
    status: 409,
    message: "Pages 2, 3 of 3 are missing. Send what is missing, then complete again.",
    details: { missing: [2, 3] },
  });
  await putAll(uploads.slice(1, 2), pages);
  await expect(complete()).rejects.toMatchObject({
    message: expect.stringMatching(/^Page 3 of 3 is missing\./) as string,
    details: { missing: [3] },
  });
  await putAll(uploads.slice(2), pages);
  expect(await complete()).toMatchObject({
    state: "received",
    missing: [],
    files: [{ arrived: true }, { arrived: true }, { arrived: true }],
  });
});

it("said twice, or ten times at once, is one receipt with one code", async () => {
  const pages = [newPage(), newPage()];
  const { document, uploads } = await announce(world, world.dora, pages);
  await putAll(uploads, pages);
  const first = await Promise.all(
    Array.from({ length: 10 }, () => completeUpload(world.ports, world.dora, document.id)),
  );
  const again = await completeUpload(world.ports, world.dora, document.id);
  expect(new Set([...first, again].map(({ confirmationCode }) => confirmationCode)).size).toBe(1);
  expect(again).toMatchObject({ state: "received", version: 2 });
  expect(await eventsOf(world, document.id)).toEqual(["upload.accepted 1", "document.received 2"]);
  expect(again.timeline.map(({ action }) => action)).toEqual(["upload.accepted", "document.received"]);
  const bells = await asOwner(world, "select 1 from document where id = $1 and rung_at is not null", [
    document.id,
  ]);
  expect(bells).toHaveLength(1);
});

it("shows the document as it is by now when it has gone on", async () => {
  const { id, confirmationCode } = await receive(world, world.dora, [newPage()]);
  for (const state of ["processing", "stored"] as const) {
    await walkTo(world, id, state);
    expect(await completeUpload(world.ports, world.dora, id)).toMatchObject({ state, confirmationCode });
  }
});

it("on an expired grant says to send the document again, even when every page lies there", async () => {
  const page = newPage();
  const { document, uploads } = await announce(world, world.dora, [page]);
  await putAll(uploads, [page]);
  await walkTo(world, document.id, "expired");
  await expect(completeUpload(world.ports, world.dora, document.id)).rejects.toMatchObject({
    code: "grant_expired",
    status: 410,
  });
});

it("is for the driver and their agent; for others the document is not there", async () => {
  const page = newPage();
  const { document, uploads } = await announce(world, world.dora, [page]);
  await putAll(uploads, [page]);
  for (const actor of [world.emil, world.franz]) {
    await expect(completeUpload(world.ports, actor, document.id)).rejects.toMatchObject({
      code: "not_found",
      status: 404,
    });
  }
  expect(await completeUpload(world.ports, world.agnes, document.id)).toMatchObject({
    state: "received",
    ownerId: world.dora.userId,
  });
});

it("tells the workers by a bell after it is received, which names the document and nothing of its content", async () => {
  await asOwner(world, "update document set state = 'erased' where state = 'received'"); // nobody's turn comes before
  const { id } = await receive(world, world.dora, [newPage()]);
  const messages = await world.ports.queue.receive("documents", { max: 10, waitMs: 0, visibilityMs: 60_000 });
  const mine = messages.filter(({ body }) => body.includes(id));
  expect(mine.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    { tenantId: world.dora.tenantId, documentId: id },
  ]);
  expect(mine[0]!.attributes["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

it("is done even when the bell is lost", async () => {
  const page = newPage();
  const { document, uploads } = await announce(world, world.dora, [page]);
  await putAll(uploads, [page]);
  const queue = { ...world.ports.queue, send: () => Promise.reject(new Error("no queue")) };
  expect(await completeUpload({ ...world.ports, queue }, world.dora, document.id)).toMatchObject({
    state: "received",
  });
});

import { randomBytes } from "node:crypto";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { acceptUpload } from "./accept-upload.ts";
import { completeUpload } from "./complete-upload.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

it("a driver announces a document, sends its page and gets a confirmation code", async () => {
  const { ports, dora } = world;
  const bytes = randomBytes(1_000);
  const accepted = await acceptUpload(ports, dora, { id: newDocumentId(), kind: "cmr", files: [declare(bytes)] });
  expect(accepted.created).toBe(true);
  expect(await putAll(accepted.uploads, [bytes])).toEqual([200]);
  const document = await completeUpload(ports, dora, accepted.document.id);
  expect(document).toMatchObject({ state: "received", missing: [], version: 2 });
  expect(document.confirmationCode).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
});

import { announce, newPage, receive, walkTo } from "@strongroom/local/test-documents";
import { putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listDocuments } from "../document/list-documents.ts";
import { showDocument } from "../document/show-document.ts";
import { documentStates, liveStates } from "../document/document.ts";
import { completeUpload } from "./complete-upload.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const seenByAgent = async (id: string) => (await showDocument(world.ports, world.agnes, id)).duplicate;

describe("the same pages a second time", () => {
  it("are noticed when they are announced; a driver learns that they are on file, an agent which document they are", async () => {
    const page = newPage();
    const first = await receive(world, world.emil, [page]);
    const { document } = await announce(world, world.dora, [page]);
    expect(document.duplicate).toEqual({ documentId: null });
    expect(await seenByAgent(document.id)).toEqual({ documentId: first.id });
    const lists = await Promise.all(
      [world.dora, world.agnes].map((actor) => listDocuments(world.ports, actor, { limit: 1 })),
    );
    expect(lists.map(({ documents }) => documents[0]!.duplicate)).toEqual([
      { documentId: null },
      { documentId: first.id },
    ]);
  });

  it("are taken all the same: it is a decision, not an error; whoever sent them before learns which document it is", async () => {
    const page = newPage();
    const first = await receive(world, world.dora, [page]);
    expect(await receive(world, world.dora, [page])).toMatchObject({
      state: "received",
      duplicate: { documentId: first.id },
    });
  });

  it("are noticed when they are received, if they were not yet there when they were announced", async () => {
    const page = newPage();
    const { document, uploads } = await announce(world, world.dora, [page]);
    expect(document.duplicate).toBeNull();
    const other = await receive(world, world.emil, [page]);
    await putAll(uploads, [page]);
    await completeUpload(world.ports, world.dora, document.id);
    expect(await seenByAgent(document.id)).toEqual({ documentId: other.id });
    expect(await seenByAgent(other.id)).toBeNull();
  });

  it("are judged anew when they are received: what failed meanwhile is no longer on file", async () => {
    const page = newPage();
    const first = await receive(world, world.emil, [page]);
    const { document, uploads } = await announce(world, world.dora, [page]);
    await walkTo(world, first.id, "failed");
    await putAll(uploads, [page]);
    expect(await completeUpload(world.ports, world.dora, document.id)).toMatchObject({ duplicate: null });
  });

  it("name the one that was there first, however many came after it", async () => {
    const page = newPage();
    const first = await receive(world, world.dora, [page]);
    await receive(world, world.dora, [page]);
    const third = await receive(world, world.emil, [page]);
    expect(await seenByAgent(third.id)).toEqual({ documentId: first.id });
  });

  it("from two drivers at one moment are decided one way: one is the document, the other its duplicate", async () => {
    for (let round = 0; round < 5; round++) {
      const page = newPage();
      const people = [world.dora, world.emil];
      const grants = await Promise.all(people.map((actor) => announce(world, actor, [page])));
      await Promise.all(grants.map(({ uploads }) => putAll(uploads, [page])));
      await Promise.all(
        grants.map(({ document }, index) => completeUpload(world.ports, people[index]!, document.id)),
      );
      const [one, other] = grants.map(({ document }) => document.id);
      expect([
        [null, { documentId: one }],
        [{ documentId: other }, null],
      ]).toContainEqual(await Promise.all([one!, other!].map(seenByAgent)));
    }
  });
});

describe("not a duplicate", () => {
  it("are pages that another tenant has", async () => {
    const page = newPage();
    await receive(world, world.franz, [page]);
    expect(await receive(world, world.dora, [page])).toMatchObject({ duplicate: null });
  });

  it("are the same pages in another order, or some of them", async () => {
    const [one, other] = [newPage(), newPage()];
    await receive(world, world.dora, [one, other]);
    expect(await receive(world, world.dora, [other, one])).toMatchObject({ duplicate: null });
    expect(await receive(world, world.dora, [one])).toMatchObject({ duplicate: null });
  });

  it.each(documentStates.filter((state) => !(liveStates as readonly string[]).includes(state)))(
    "are pages of a document that is %s",
    async (state) => {
      const page = newPage();
      const { document } = await announce(world, world.emil, [page]);
      await walkTo(world, document.id, state);
      expect((await announce(world, world.dora, [page])).document.duplicate).toBeNull();
      expect(await receive(world, world.dora, [page])).toMatchObject({ duplicate: null });
    },
  );
});

it.each(liveStates)("a document that is %s counts", async (state) => {
  const page = newPage();
  const { document } = await announce(world, world.emil, [page]);
  await walkTo(world, document.id, state);
  expect((await announce(world, world.dora, [page])).document.duplicate).toEqual({ documentId: null });
});

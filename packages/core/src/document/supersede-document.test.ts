import { newPage, receive, untilSomebodyWaits } from "@strongroom/local/test-documents";
import { processOnce } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DocumentId } from "../ids.ts";
import { eraseDocument } from "../retention/erase-document.ts";
import { eraseRows } from "../retention/erase-rows.ts";
import { lockStanding } from "../retention/standing.ts";
import { showDocument } from "./show-document.ts";
import { supersedeDocument } from "./supersede-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const store = async (id: string) =>
  processOnce(world.ports, { tenantId: world.dora.tenantId, documentId: DocumentId.parse(id) });
const erase = async (id: string) => eraseDocument(world.ports, world.arne, id);

/** A document, and as many retakes of it. */
async function retaken(times: number): Promise<{ old: string; retakes: string[] }> {
  const { id: old } = await receive(world, world.dora, [newPage()]);
  const retakes = [];
  for (let number = 0; number < times; number++)
    retakes.push((await receive(world, world.dora, [newPage()], { replaces: old })).id);
  return { old, retakes };
}

async function seen(id: string) {
  const { supersededBy, timeline } = await showDocument(world.ports, world.dora, id);
  return [supersededBy, timeline.at(-1)!.action];
}

describe("a retake that is erased", () => {
  it("leaves its place to the one stored next, and the last of them to nobody", async () => {
    const { old, retakes } = await retaken(3);
    const [one, two, three] = retakes as [string, string, string];
    for (const id of [two, three, one]) await store(id);
    await erase(two);
    expect(await seen(old)).toEqual([three, "document.superseded"]);
    await erase(one);
    expect(await seen(old)).toEqual([three, "document.superseded"]);
    await erase(three);
    expect(await seen(old)).toEqual([null, "document.reinstated"]);
  });

  it("leaves its place to one that is just being stored", async () => {
    const { old, retakes } = await retaken(2);
    const [first, second] = retakes as [string, string];
    await store(first);
    const erased = Promise.withResolvers<void>();
    await world.ports.database.withTenant(world.dora.tenantId, async (tx) => {
      for (const state of ["processing", "stored"] as const)
        await tx.updateTable("document").set({ state }).where("id", "=", second).execute();
      await supersedeDocument(world.ports, tx, { replaced: old, by: second });
      erase(first).then(() => erased.resolve(), erased.reject);
      await Promise.race([erased.promise, untilSomebodyWaits(world)]);
    });
    await erased.promise;
    expect(await seen(old)).toEqual([second, "document.superseded"]);
  });

  it("leaves its place to one that is being erased, which leaves it to nobody: neither waits for the other", async () => {
    const { old, retakes } = await retaken(2);
    const [first, second] = retakes as [string, string];
    for (const id of [first, second]) await store(id);
    const erased = Promise.withResolvers<void>();
    await world.ports.database.withTenant(world.dora.tenantId, async (tx) => {
      await lockStanding(tx, second);
      erase(first).then(() => erased.resolve(), erased.reject);
      await Promise.race([erased.promise, untilSomebodyWaits(world)]);
      await eraseRows(world.ports, tx, { documentId: second, actor: "user:arne", requestedBy: "user:arne" });
    });
    await erased.promise;
    expect(await seen(old)).toEqual([null, "document.reinstated"]);
  });
});

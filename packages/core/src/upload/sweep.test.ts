import { Readable } from "node:stream";
import { announce, newPage } from "@strongroom/local/test-documents";
import { putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { showDocument } from "../document/show-document.ts";
import { reconcile } from "./reconcile.ts";
import { sweep } from "./sweep.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await testWorld({ periods: { keepExpired: -1 } }); // whatever nobody knows is an orphan at once
});
afterAll(() => world.close());

const nothing = { tombstonesReplayed: 0, stagingAdopted: 0, stagingOrphans: 0, vaultOrphans: 0 };

/** Of a document that is known, under a name that none of its pages has. */
async function putStray(): Promise<string> {
  const { document } = await announce(world, world.dora, [newPage()]);
  const stray = `s/${world.dora.tenantId}/${document.id}/01890000-0000-7000-8000-000000000001/stray`;
  await world.ports.objects.put(stray, Readable.from(["x"]), { sizeBytes: 1, mediaType: "text/plain" });
  return stray;
}

it("collects what nobody expects; with nothing to do it does nothing, and says so", async () => {
  expect(await sweep(world.ports)).toEqual(nothing);
  const stray = await putStray();
  expect(await sweep(world.ports)).toEqual({ ...nothing, stagingOrphans: 1 });
  expect(await world.ports.objects.head(stray)).toBeNull();
});

it("does nothing and answers null while another one is at it", async () => {
  const stray = await putStray();
  const lock = await world.ports.database.lock("strongroom.sweep");
  expect(await sweep(world.ports)).toBeNull();
  expect(await world.ports.objects.head(stray)).not.toBeNull();
  await lock!.release();
  expect(await sweep(world.ports)).toMatchObject({ stagingOrphans: 1 });
});

it("keeps no round of the reconciler waiting, however long it takes", async () => {
  await putStray();
  const page = newPage();
  const unheard = await announce(world, world.dora, [page]);
  await putAll(unheard.uploads, [page]);
  const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const remove: typeof world.ports.objects.remove = async (...args) => {
    reached.resolve();
    await goOn.promise;
    await world.ports.objects.remove(...args);
  };
  const sweeping = sweep({ ...world.ports, objects: { ...world.ports.objects, remove } });
  await reached.promise;
  const { config } = world.ports;
  const soon = { ...config, periods: { ...config.periods, silence: -1 } };
  expect(await reconcile({ ...world.ports, config: soon })).toMatchObject({ received: 1 });
  expect((await showDocument(world.ports, world.dora, unheard.document.id)).state).toBe("received");
  goOn.resolve();
  expect(await sweeping).toMatchObject({ stagingOrphans: 1 });
});

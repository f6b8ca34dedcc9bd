import { asOwner } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { editMe } from "./edit-me.ts";
import { showMe } from "./show-me.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

it("a person sees who they are", async () => {
  expect(await showMe(world.ports, world.dora)).toEqual({
    id: world.dora.userId,
    tenantId: world.dora.tenantId,
    role: "driver",
    name: "Dora Lind",
    language: "en",
  });
});

it("a person changes their name and language, and nothing about anybody else", async () => {
  const before = await showMe(world.ports, world.emil);
  expect(await editMe(world.ports, world.dora, { language: "de" })).toMatchObject({
    name: "Dora Lind",
    language: "de",
  });
  expect(await editMe(world.ports, world.dora, { name: "Dora Berg" })).toMatchObject({
    name: "Dora Berg",
    language: "de",
  });
  expect(await showMe(world.ports, world.dora)).toMatchObject({
    name: "Dora Berg",
    language: "de",
    role: "driver",
  });
  expect(await showMe(world.ports, world.emil)).toEqual(before);
});

it("the audit tells that something was changed, not to what", async () => {
  await editMe(world.ports, world.agnes, { name: "Agnes Secret" });
  const lines = await asOwner<{ action: string; detail: unknown }>(
    world,
    "select action, detail from audit where subject = $1",
    [world.agnes.userId],
  );
  expect(lines).toEqual([{ action: "user.edited", detail: { changed: ["name"] } }]);
});

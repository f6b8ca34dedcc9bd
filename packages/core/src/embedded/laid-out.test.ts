import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEmbeddedKeys } from "./keys.ts";
import { refuseUnlaid } from "./laid-out.ts";
import { objectAreas, openObjectDirectories } from "./object-directory.ts";

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "strongroom-laid-out-"));
  await createEmbeddedKeys({ directory: join(data, "keys") });
  openObjectDirectories(join(data, "objects"), new Date());
});
afterEach(() => rm(data, { recursive: true }));

describe("a worker", () => {
  it("takes a directory that a start laid out", async () => {
    await expect(refuseUnlaid(data)).resolves.toBeUndefined();
  });

  it.each([
    "keys",
    "keys/root.key",
    "keys/receipt.key",
    "objects",
    ...objectAreas.map((area) => `objects/${area}`),
  ])("makes nothing where %s is gone", async (part) => {
    await rename(join(data, part), join(data, "away"));
    await expect(refuseUnlaid(data)).rejects.toThrow(/ is missing, /);
  });
});

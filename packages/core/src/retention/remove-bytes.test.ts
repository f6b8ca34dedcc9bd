import { randomUUID } from "node:crypto";
import { chmod, mkdir, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { vaultPrefix } from "../document/seal-document.ts";
import { stagingPrefix } from "../upload/staging-key.ts";
import { removeBytes } from "./remove-bytes.ts";
import type { Owned } from "./tombstone.ts";

let world: TestWorld;
let owned: Owned;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
beforeEach(
  () => (owned = { tenantId: world.dora.tenantId, documentId: randomUUID() as Owned["documentId"] }),
);

const put = (key: string) =>
  world.ports.objects.put(key, Readable.from(["bytes"]), { sizeBytes: 5, mediaType: "text/plain" });
const fileOf = (key: string) => join(world.directory, "objects", "staging", `${key.slice(2)}@`);
const isThere = async (key: string) => (await world.ports.objects.head(key)) !== null;
const startUpload = (key: string) => world.ports.objects.startParts(key, { mediaType: "x/y", metadata: {} });

describe("what cannot be read", () => {
  it("is told when all else of the document is gone", async () => {
    const staged = ["a", "b", "c"].map((name) => `${stagingPrefix(owned)}page/${name}`);
    const sealed = `${vaultPrefix(owned)}1/original-1`;
    for (const key of [...staged, sealed]) await put(key);
    await chmod(fileOf(staged[1]!), 0o600);
    await truncate(fileOf(staged[1]!), 3);
    await expect(removeBytes(world.ports, owned)).rejects.toThrow(`object ${staged[1]} is damaged`);
    expect(await Promise.all([staged[0]!, staged[2]!, sealed].map(isThere))).toEqual([false, false, false]);
    await expect(removeBytes(world.ports, owned)).rejects.toThrow("is damaged"); // nothing else is left
  });

  it("among the open uploads is told when the document's own are ended, and its objects gone", async () => {
    const [key, sealed] = [`${stagingPrefix(owned)}page/a`, `${vaultPrefix(owned)}1/original-1`];
    await put(sealed);
    for (let n = 0; n < 8; n++) await startUpload(key); // the broken one is not met last
    const broken = join(world.directory, "objects", "uploads", "0".repeat(32));
    await mkdir(broken);
    await writeFile(join(broken, "upload.json"), "{");
    await expect(removeBytes(world.ports, owned)).rejects.toThrow(`upload ${broken} is damaged`);
    expect(await isThere(sealed)).toBe(false);
    expect(await readdir(join(broken, ".."))).toEqual(["0".repeat(32)]);
    const other = { ...owned, documentId: randomUUID() as Owned["documentId"] };
    await expect(removeBytes(world.ports, other)).rejects.toThrow("is damaged"); // whose it was is not known
  });

  it("and is no upload of ours hinders nothing", async () => {
    const uploads = join(world.directory, "objects", "uploads");
    await rm(uploads, { recursive: true });
    await mkdir(uploads);
    await startUpload(`${stagingPrefix(owned)}page/a`);
    await writeFile(join(uploads, ".stray"), "");
    await mkdir(join(uploads, "lost+found"));
    expect(await removeBytes(world.ports, owned)).toBe(1);
  });
});

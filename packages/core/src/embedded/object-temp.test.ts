import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openObjectDirectories } from "./object-directory.ts";
import { removeThroughTemp, untilGone } from "./object-temp.ts";
import { allOf, type ObjectTestbed, openObjectTestbed } from "./object-testbed.ts";

const mediaType = "image/jpeg";

describe("whoever is told by a list that nothing is left finds nothing on the disk either, also while it is being removed", () => {
  let bed: ObjectTestbed;
  beforeEach(async () => void (bed = await openObjectTestbed()));
  afterEach(() => bed.close());
  const lying = () => readdirSync(join(bed.root, "temp"));

  it("of an object", async () => {
    for (let round = 0; round < 30; round += 1) {
      const bytes = randomBytes(1_000);
      const put = await bed.objects.put("s/a/b", Readable.from([bytes]), { sizeBytes: 1_000, mediaType });
      const removing = bed.objects.remove("s/a/b", put.outcome === "created" ? put.versionId : "");
      while ((await allOf(bed.objects.list("s/a/"))).length > 0);
      expect(lying()).toEqual([]);
      await removing;
    }
  });

  it("of an upload in parts", async () => {
    const { uploadId } = await bed.objects.startParts("s/a/b", { mediaType, metadata: {} });
    for (let part = 1; part <= 500; part += 1)
      await writeFile(join(bed.root, "uploads", uploadId, String(part).padStart(5, "0")), "a page");
    const aborting = bed.objects.abortParts("s/a/b", uploadId);
    while ((await allOf(bed.objects.listUploads("s/a/"))).length > 0);
    expect(lying()).toEqual([]);
    await aborting;
  });
});

it("what the disk did not let go is not said to be gone until it is", async () => {
  const root = await mkdtemp(join(tmpdir(), "strongroom-temp-"));
  try {
    const place = openObjectDirectories(root, new Date());
    const away = `${place.temp}-away`;
    const removing = removeThroughTemp(place, async (path) => {
      await mkdir(path);
      await rename(place.temp, away);
      await writeFile(place.temp, ""); // a disk that fails: whatever is asked of the directory ends in an error
    });
    await expect(removing).rejects.toThrow("ENOTDIR");
    await expect(untilGone(place)).rejects.toThrow("ENOTDIR");
    await rm(place.temp);
    await rename(away, place.temp);
    expect(await readdir(place.temp)).toHaveLength(1);
    await untilGone(place);
    expect(await readdir(place.temp)).toEqual([]);
  } finally {
    await rm(root, { recursive: true });
  }
});

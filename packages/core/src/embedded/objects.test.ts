import { randomBytes } from "node:crypto";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  rmdir,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { objectsContract } from "../contract/objects.ts";
import { NoSuchObject } from "../errors.ts";
import { allOf, openObjectTestbed, send } from "./object-testbed.ts";
import { createEmbeddedObjects } from "./objects.ts";

objectsContract("embedded", async () => {
  const { objects, close } = await openObjectTestbed();
  return { objects, close, upload: async (request, body) => (await send(request, body)).status };
});

describe("objects as files", () => {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "strongroom-objects-"));
  });
  afterEach(async () => await rm(root, { recursive: true }));

  const publicUrl = "http://127.0.0.1:7010/objects";
  const open = (signingKey = Buffer.alloc(32)) =>
    createEmbeddedObjects({ root, publicUrl, signingKey, clock: systemClock });
  const mediaType = "image/jpeg";
  const put = async (key: string, bytes: Buffer) => {
    const outcome = await open().put(key, Readable.from([bytes]), { sizeBytes: bytes.length, mediaType });
    return outcome.outcome === "created" ? outcome.versionId : "";
  };
  const files = async () => {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  };

  it("a file that a killed writer left behind is never listed, and is removed an hour later", async () => {
    await put("s/a/b", Buffer.from("done"));
    const [young, old] = [join(root, "temp", "young"), join(root, "temp", "old")];
    for (const path of [young, old]) await writeFile(path, await readFile(join(root, "staging", "a", "b@")));
    await utimes(old, new Date(), new Date(Date.now() - 61 * 60_000));
    await mkdir(join(root, "temp", "aborted"));
    const keys = (await allOf(open().list(""))).map(({ key }) => key);
    expect(keys).toEqual(["s/a/b"]);
    expect(await readdir(join(root, "temp"))).toEqual(["aborted", "young"]);
  });

  it("nothing is left in the temporary directory after puts, failures and removals", async () => {
    const versionId = await put("s/a/b", Buffer.from("done"));
    await expect(put("s/a/c", Buffer.from("")).then(() => put("s/a/c", Buffer.from("x")))).resolves.toBe("");
    await expect(open().put("s/a/d", Readable.from(["x"]), { sizeBytes: 2, mediaType })).rejects.toThrow(
      "ended after 1 of 2",
    );
    await open().remove("s/a/b", versionId);
    expect(await readdir(join(root, "temp"))).toEqual([]);
  });

  it("chunks that are given are emptied once they are written, all others stay as they are", async () => {
    const own = () => new Uint8Array(8_192).fill(7); // in memory of its own
    const shared = new Uint8Array(9_000).fill(7).subarray(0, 8_192);
    for (const [key, givesChunks] of [["v/00/given", true] as const, ["v/00/kept", false] as const]) {
      const chunks = [own(), shared, own()];
      const options = { sizeBytes: 3 * 8_192, mediaType, givesChunks };
      await open().put(key, Readable.from(chunks), options);
      expect(chunks.map(({ length }) => length)).toEqual(givesChunks ? [0, 8_192, 0] : [8_192, 8_192, 8_192]);
      expect(await buffer(await open().read(key))).toEqual(Buffer.alloc(3 * 8_192, 7));
    }
  });

  it("nobody else may look into the store", async () => {
    await put("v/00/a", Buffer.from("secret"));
    const [file] = await files();
    expect((await stat(file!)).mode & 0o777).toBe(0o400);
    for (const name of ["staging", "vault", "uploads", "temp", "vault/00"]) {
      expect((await stat(join(root, name))).mode & 0o777).toBe(0o700);
    }
  });

  it("the last removed object takes its empty directories along, and no others", async () => {
    const versionId = await put("v/00/tenant/document/original", Buffer.from("x"));
    await put("v/00/other", Buffer.from("x"));
    await open().remove("v/00/tenant/document/original", versionId);
    expect(await readdir(join(root, "vault"), { recursive: true })).toEqual(["00", "00/other@"]);
  });

  it.each([0, 1, 4, 5, 100, 1_000_000])(
    "a file that lost its last bytes down to %i is found to be damaged",
    async (left) => {
      await put("v/00/a", randomBytes(1_000_000));
      await truncate(join(root, "vault", "00", "a@"), left);
      await expect(open().head("v/00/a")).rejects.toThrow("object v/00/a is damaged");
      await expect(open().read("v/00/a")).rejects.toThrow("object v/00/a is damaged");
    },
  );

  it("a directory that is away is told from an object that is not there", async () => {
    const objects = open();
    await expect(objects.read("s/00/a")).rejects.toThrow(NoSuchObject);
    expect(await objects.head("s/00/a")).toBeNull();
    expect(await allOf(objects.list("s/00/"))).toEqual([]);
    await rm(join(root, "staging"), { recursive: true });
    await expect(objects.read("s/00/a")).rejects.toThrow("ENOENT");
    await expect(objects.head("s/00/a")).rejects.toThrow("ENOENT");
    for (const prefix of ["", "s/", "s/00/", "s/00/a"])
      await expect(allOf(objects.list(prefix)), prefix).rejects.toThrow("ENOENT");
    expect(await allOf(objects.list("v/"))).toEqual([]);
  });

  it("a file that lost its first byte is found to be damaged", async () => {
    await put("v/00/a", randomBytes(100));
    const path = join(root, "vault", "00", "a@");
    const bytes = await readFile(path);
    await rm(path);
    await writeFile(path, bytes.subarray(1));
    await expect(open().head("v/00/a")).rejects.toThrow("object v/00/a is damaged");
  });

  it("a put that is aborted after its last byte leaves no object", async () => {
    const stop = new AbortController();
    const body = Readable.from([Buffer.from("x")]).once("end", () => stop.abort());
    const options = { sizeBytes: 1, mediaType, signal: stop.signal };
    await expect(open().put("v/00/a", body, options)).rejects.toThrow();
    expect(await files()).toEqual([]);
  });

  it("a file that is cut while it is read fails the reader", async () => {
    await put("v/00/a", randomBytes(3_000_000));
    const stream = await open().read("v/00/a");
    await truncate(join(root, "vault", "00", "a@"), 1_500_000);
    await expect(buffer(stream)).rejects.toThrow("cut short at 1500000 of 3000000 bytes");
  });

  it("a file under the name of another key is found to be damaged", async () => {
    await put("v/00/a", Buffer.from("a"));
    await put("v/00/b", Buffer.from("b"));
    await rm(join(root, "vault", "00", "b@"));
    await writeFile(join(root, "vault", "00", "b@"), await readFile(join(root, "vault", "00", "a@")));
    await expect(open().head("v/00/b")).rejects.toThrow("damaged");
  });

  it("a damaged object does not hide the sound ones from a list, which fails at its end", async () => {
    for (const name of ["a", "b", "c"]) await put(`v/00/${name}`, Buffer.from(name));
    await truncate(join(root, "vault", "00", "b@"), 3);
    const seen: string[] = [];
    const listing = (async () => {
      for await (const { key } of open().list("v/")) seen.push(key);
    })();
    await expect(listing).rejects.toThrow("object v/00/b is damaged");
    expect(seen).toEqual(["v/00/a", "v/00/c"]);
  });

  it("a part that rotted after it was listed is not joined", async () => {
    const bed = await openObjectTestbed();
    try {
      const { uploadId } = await bed.objects.startParts("s/a/b", { mediaType, metadata: {} });
      const [bytes, sha256] = [
        Buffer.from("x"),
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
      ];
      const grant = { key: "s/a/b", uploadId, partNumber: 1, sizeBytes: 1, sha256, expiresInMs: 1000 };
      expect((await send(await bed.objects.signPart(grant), bytes)).status).toBe(200);
      const parts = await bed.objects.listParts("s/a/b", uploadId);
      const path = join(bed.root, "uploads", uploadId, "00001");
      const rotten = await readFile(path);
      rotten[0] = 0;
      await rm(path);
      await writeFile(path, rotten);
      await expect(bed.objects.completeParts("s/a/b", uploadId, parts)).rejects.toThrow("part 1 has changed");
      expect(await bed.objects.head("s/a/b")).toBeNull();
    } finally {
      await bed.close();
    }
  });

  it("an upload that was begun before a restart is still open after it", async () => {
    const { uploadId } = await open().startParts("s/a/b", { mediaType, metadata: { page: "1" } });
    const uploads = await allOf(open().listUploads("s/"));
    expect(uploads).toMatchObject([{ key: "s/a/b", uploadId }]);
  });

  it("what an upload is is read once, however often the open ones are listed", async () => {
    const objects = open();
    const started: string[] = [];
    for (const key of ["s/a/b", "s/a/c"])
      started.push((await objects.startParts(key, { mediaType, metadata: {} })).uploadId);
    const list = async (from = objects) => (await allOf(from.listUploads("s/a/"))).map(({ key }) => key);
    expect((await list()).toSorted()).toEqual(["s/a/b", "s/a/c"]);
    await objects.abortParts("s/a/c", started[1]!);
    await rm(join(root, "uploads", started[0]!, "upload.json"));
    await writeFile(join(root, "uploads", started[0]!, "upload.json"), "{");
    expect(await list()).toEqual(["s/a/b"]);
    await expect(list(open())).rejects.toThrow("is damaged");
  });

  it.each([
    ["a name of 200 characters", `v/${"a".repeat(200)}`],
    ["1,024 characters", `v/a${"/abc".repeat(255)}b`],
  ])("a key of %s can be written and removed", async (_, key) => {
    await open().remove(key, await put(key, Buffer.from("x")));
    expect(await readdir(join(root, "vault"))).toEqual([]);
  });

  it("a writer gets its directory although others keep removing it while it is empty", async () => {
    let isWriting = true;
    const sweep = async () => {
      while (isWriting) await rmdir(join(root, "vault", "00")).catch(() => {});
    };
    const sweeping = [sweep(), sweep()];
    for (let round = 0; round < 100; round += 1)
      await open().remove("v/00/a", await put("v/00/a", Buffer.from("x")));
    isWriting = false;
    await Promise.all(sweeping);
    expect(await files()).toEqual([]);
  });

  it("a signing key of 31 bytes is refused, one of 32 taken", () => {
    expect(() => open(Buffer.alloc(31))).toThrow("fewer than 32 bytes");
    expect(() => open(Buffer.alloc(32))).not.toThrow();
  });
});

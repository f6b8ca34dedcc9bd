import { type BigIntStats, existsSync, readdirSync, statSync } from "node:fs";
import { type FileHandle, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openObjectDirectories } from "./object-directory.ts";
import { ObjectNames } from "./object-names.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "strongroom-names-"));
  openObjectDirectories(root, new Date());
});
afterEach(() => rm(root, { recursive: true }));

/** A disk that forgets in a crash each name that was not in its directory when a sync of it, that has ended, began. */
class ForgetfulDisk {
  readonly #durable = new Map<string, Map<string, string>>();
  readonly syncs: string[] = [];
  readonly handles = new Set<FileHandle>();

  readonly sync = async (directory: FileHandle, path: string): Promise<void> => {
    this.handles.add(directory);
    const itself = identityOf(await directory.stat({ bigint: true }));
    const isThere = existsSync(path) && at(path) === itself;
    const names = isThere ? readdirSync(path).map((name) => [name, at(join(path, name))] as const) : [];
    await directory.sync();
    this.syncs.push(relative(root, path));
    this.#durable.set(itself, new Map(names));
  };

  /** Whether a file is found by its name after a crash; those of the areas are looked at by a test of their own. */
  keeps(path: string): boolean {
    const names = relative(root, path).split(sep);
    return names.slice(1).every((name, index) => {
      const above = join(root, ...names.slice(0, index + 1));
      return this.#durable.get(at(above))?.get(name) === at(join(above, name));
    });
  }
}

/** Numbers of files that are gone are given again. */
const identityOf = ({ ino, birthtimeNs }: BigIntStats): string => `${ino} born ${birthtimeNs}`;
const at = (path: string): string => identityOf(statSync(path, { bigint: true }));
const nameOf = (artefact: string): string => join(root, "vault/00/tenant/document/7", `${artefact}@`);

async function file(content: string): Promise<string> {
  const path = join(root, "temp", content);
  await writeFile(path, content);
  return path;
}

it("names given in one directory at once are all durable, and those of the directories above are made so once", async () => {
  const disk = new ForgetfulDisk();
  const names = new ObjectNames(root, disk.sync);
  const put = async (artefact: string, meanwhile: readonly string[] = []): Promise<void> =>
    await names.naming(nameOf(artefact), async (give) => {
      expect(await give(await file(artefact))).toBe("created");
      expect(disk.keeps(nameOf(artefact)), artefact).toBe(true);
      await Promise.all(meanwhile.map((other) => put(other)));
    });
  await Promise.all([put("thumbnail-1"), put("page-1", ["original-1", "capture-facts"])]);
  for (const above of ["vault", "vault/00", "vault/00/tenant", "vault/00/tenant/document"])
    expect(disk.syncs.filter((path) => path === above)).toHaveLength(1);
  expect([...disk.handles].map(({ fd }) => fd)).toEqual(Array.from(disk.handles, () => -1)); // all closed
});

it("a name is durable though the directory that was held for it was removed, and made anew by another process", async () => {
  const disk = new ForgetfulDisk();
  const names = new ObjectNames(root, disk.sync);
  await names.naming(nameOf("page-1"), async (give) => {
    await give(await file("page-1"));
    await rm(join(root, "vault/00"), { recursive: true });
    const death = Promise.withResolvers<void>();
    const another = new ObjectNames(root, () => death.promise); // it never gets so far as to make a name durable
    const killed = another.naming(nameOf("page-3"), async (other) => await other(await file("page-3")));
    while (!existsSync(nameOf("page-3"))) await new Promise(setImmediate);
    await names.naming(nameOf("page-2"), async (giveNext) => await giveNext(await file("page-2")));
    expect(disk.keeps(nameOf("page-2"))).toBe(true);
    death.reject(new Error("killed"));
    await expect(killed).rejects.toThrow("killed");
  });
});

it("a name that somebody bears is not given again, and is durable all the same", async () => {
  const disk = new ForgetfulDisk();
  await new ObjectNames(root).naming(nameOf("page-1"), async (give) => await give(await file("page-1")));
  await new ObjectNames(root, disk.sync).naming(nameOf("page-1"), async (give) => {
    expect(await give(await file("another"))).toBe("exists");
  });
  expect(disk.keeps(nameOf("page-1"))).toBe(true);
});

it("an area that was put away is made durable with the next object in it", async () => {
  const disk = new ForgetfulDisk();
  await rm(join(root, "vault"), { recursive: true });
  await new ObjectNames(root, disk.sync).naming(
    nameOf("page-1"),
    async (give) => await give(await file("page-1")),
  );
  expect(disk.syncs).toContain("");
});

it("a directory that the disk does not make durable fails each name that waits for it, and is tried again by those that come later", async () => {
  let isBroken = true;
  const sync = async (directory: FileHandle): Promise<void> => {
    if (isBroken) throw new Error("EIO");
    await directory.sync();
  };
  const names = new ObjectNames(root, sync);
  const put = async (artefact: string) =>
    await names.naming(nameOf(artefact), async (give) => await give(await file(artefact)));
  const outcomes = await Promise.allSettled([put("page-1"), put("page-2")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isBroken = false;
  expect(await put("page-1")).toBe("exists");
  expect(readdirSync(dirname(nameOf("page-1")))).toEqual(["page-1@", "page-2@"]);
});

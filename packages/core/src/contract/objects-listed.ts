import { expect, it } from "vitest";
import {
  allOf,
  contentOf,
  freshKey,
  keysUnder,
  mediaType,
  putBytes,
  sha256,
  type Store,
} from "./open-objects.ts";

/** Why a server behind an adapter cannot pass a test; ours has to do without. */
export type ObjectGaps = {
  /**
   * An object cannot bear a name that another key goes on from (`a` beside `a/b`; no key of ours does), and a put beside
   * the removal of the last neighbour may fail.
   */
  directories?: string;
};

const because = (gap: string | undefined) => (gap === undefined ? "" : ` (skipped: ${gap})`);

/** What the port promises of lists and removals; a chapter of `objectsContract`. */
export function listedAndRemoved(store: Store, gaps: ObjectGaps): void {
  it.skipIf(gaps.directories !== undefined)(
    `an object may bear a name that another key goes on from${because(gaps.directories)}`,
    async () => {
      const { objects } = store();
      const key = freshKey("v");
      await putBytes(objects, key, Buffer.from("above"));
      await putBytes(objects, `${key}/below`, Buffer.from("below"));
      expect((await contentOf(objects, key)).toString()).toBe("above");
      expect(await keysUnder(objects, key)).toEqual([key, `${key}/below`]);
    },
  );

  it("a list holds every object under a prefix in key order, with its facts, and no other", async () => {
    const { objects } = store();
    const under = freshKey("v");
    const apart = ["a-b", "a.b", "a/b/c", "a0", "B", "b/x", "b/x.y", "_"];
    const names = gaps.directories === undefined ? ["a", "a/b", ...apart] : apart;
    for (const name of names) await putBytes(objects, `${under}/${name}`, Buffer.from(name));
    const expected = names.map((name) => `${under}/${name}`).sort();
    expect(await keysUnder(objects, `${under}/`)).toEqual(expected);
    expect(await keysUnder(objects, `${under}/a`)).toEqual(
      expected.filter((key) => key.startsWith(`${under}/a`)),
    );
    expect(await keysUnder(objects, `${under}/a/b`)).toEqual(
      expected.filter((key) => key.startsWith(`${under}/a/b`)),
    );
    expect(await keysUnder(objects, `${under}/../`)).toEqual([]);
    expect(await keysUnder(objects, `${under}/nobody`)).toEqual([]);
    for await (const facts of objects.list(`${under}/`)) {
      const text = Buffer.from(facts.key.slice(under.length + 1));
      const { key, sizeBytes, versionId, modifiedAt } = facts;
      expect(sizeBytes).toBe(text.length);
      expect(await objects.head(key)).toMatchObject({
        key,
        sizeBytes,
        versionId,
        modifiedAt,
        sha256: sha256(text),
        mediaType,
      });
    }
  });

  it("a list of a part begins after one key and ends with another, whether they are there or not", async () => {
    const { objects } = store();
    const under = freshKey("v");
    const names = ["a/1", "a/2/x", "a/2/y", "a0", "b/1", "b/2"];
    for (const name of names) await putBytes(objects, `${under}/${name}`, Buffer.from(name));
    const bounds = ["", "a/", "a/1", "a/2/", "a/2/x", "a/2/xx", "a0", "az", "b", "b/2", "c"];
    for (const after of bounds)
      for (const upTo of bounds) {
        const range = { after: `${under}/${after}`, upTo: `${under}/${upTo}` };
        const listed = (await allOf(objects.list(`${under}/`, range))).map(({ key }) => key);
        const wanted = names.filter((name) => name > after && name <= upTo);
        expect(listed, `after ${after}, up to ${upTo}`).toEqual(wanted.map((name) => `${under}/${name}`));
      }
  });

  it("a removed object is gone, and its key is free again", async () => {
    const { objects } = store();
    const key = freshKey();
    const first = await putBytes(objects, key, Buffer.from("first"));
    await objects.remove(key, first);
    expect(await objects.head(key)).toBeNull();
    expect(await keysUnder(objects, key)).toEqual([]);
    const second = await putBytes(objects, key, Buffer.from("second"));
    expect(second).not.toBe(first);
  });

  it("removing a version deletes no other one", async () => {
    const { objects } = store();
    const key = freshKey();
    const first = await putBytes(objects, key, Buffer.from("first"));
    await objects.remove(key, first);
    const second = await putBytes(objects, key, Buffer.from("second"));
    await objects.remove(key, first);
    expect((await objects.head(key))?.versionId).toBe(second);
    expect((await contentOf(objects, key)).toString()).toBe("second");
  });

  it("removing what is not there is no error", async () => {
    const { objects } = store();
    const key = freshKey();
    await expect(objects.remove(key, "0".repeat(32))).resolves.toBeUndefined();
    const versionId = await putBytes(objects, key, Buffer.from("x"));
    await objects.remove(key, versionId);
    await expect(objects.remove(key, versionId)).resolves.toBeUndefined();
  });

  it("neighbours may be written and removed at once", async () => {
    const { objects } = store();
    const under = freshKey();
    const kept = `${under}/directory/kept`;
    if (gaps.directories !== undefined) await putBytes(objects, kept, Buffer.from("x"));
    const rounds = Array.from({ length: 8 }, async (_, index) => {
      for (let round = 0; round < 10; round += 1) {
        const key = `${under}/directory/${index}-${round}`;
        await objects.remove(key, await putBytes(objects, key, Buffer.from("x")));
      }
    });
    await Promise.all(rounds);
    expect((await keysUnder(objects, under)).filter((key) => key !== kept)).toEqual([]);
  });
}

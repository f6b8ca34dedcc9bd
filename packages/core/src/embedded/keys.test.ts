import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { keysContract } from "../contract/keys.ts";
import { createEmbeddedKeys } from "./keys.ts";
import { receiptKeyPath, replaceReceiptKey } from "./receipt-key.ts";
import { addRootKey } from "./root-key.ts";

const scratch = await mkdtemp(join(tmpdir(), "strongroom-keys-"));
afterAll(() => rm(scratch, { recursive: true }));

keysContract("embedded", () => createEmbeddedKeys({ directory: join(scratch, "contract") }));

let directory = "";
let count = 0;
beforeEach(() => {
  directory = join(scratch, `case-${(count += 1)}`);
});
const start = () => createEmbeddedKeys({ directory });
const context = { tenant: "t", document: "d" };

describe("the first start", () => {
  test("creates both keys, readable by their owner only, and says where the root key lies", async () => {
    const keys = await start();
    expect(keys).toMatchObject({ createdRoot: true, rootKeyPath: join(directory, "root.key") });
    expect((await readdir(directory)).sort()).toEqual(["receipt.key", "root.key"]);
    for (const name of ["root.key", "receipt.key"]) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  test("writes into the root key file what it is and what its loss means", async () => {
    const { rootKeyPath } = await start();
    const text = await readFile(rootKeyPath, "utf8");
    expect(text).toMatch(/Strongroom root key\. Losing this file loses every document/);
  });

  test("is one, however many processes start at once", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, start));
    expect(all.filter((keys) => keys.createdRoot)).toHaveLength(1);
    const { wrapped, plaintext } = await all[0]!.generateDataKey(context);
    const kids = new Set<string>();
    for (const keys of all) {
      expect(Buffer.from(await keys.openDataKey(wrapped, context)).equals(plaintext)).toBe(true);
      kids.add((await keys.sign(wrapped)).kid);
    }
    expect(kids.size).toBe(1);
    expect((await readdir(directory)).sort()).toEqual(["receipt.key", "root.key"]);
  });

  test("is over at the second: nothing is created or changed", async () => {
    const { rootKeyPath } = await start();
    const before = await readFile(rootKeyPath, "utf8");
    expect((await start()).createdRoot).toBe(false);
    expect(await readFile(rootKeyPath, "utf8")).toBe(before);
  });
});

describe("a start is refused", () => {
  test.each([0o604, 0o640, 0o660, 0o644, 0o700, 0o601])("when a key file has mode %o", async (mode) => {
    await start();
    for (const name of ["root.key", "receipt.key"]) {
      await chmod(join(directory, name), mode);
      await expect(start()).rejects.toThrow(`${name} has mode ${mode.toString(8)}, and others might read it`);
      await chmod(join(directory, name), 0o600);
    }
  });

  test("never because a key file is read-only", async () => {
    await start();
    for (const name of ["root.key", "receipt.key"]) await chmod(join(directory, name), 0o400);
    expect((await start()).createdRoot).toBe(false);
  });

  test("when the root key is gone but the receipt key is not: a new one would open nothing", async () => {
    const { rootKeyPath } = await start();
    await rm(rootKeyPath);
    await expect(start()).rejects.toThrow("root.key is missing: put the copy from safe-keeping in its place");
    expect(await readdir(directory)).toEqual(["receipt.key"]);
  });

  test("when any fact in the root key file differs in one character", async () => {
    const { rootKeyPath } = await start();
    const text = await readFile(rootKeyPath, "utf8");
    const facts = text.indexOf('"version"');
    for (let at = facts; at < text.length - 3; at += 1) {
      const old = text[at]!;
      if (!/[0-9a-z]/i.test(old)) continue;
      await writeFile(rootKeyPath, text.slice(0, at) + (old === "1" ? "2" : "1") + text.slice(at + 1));
      await expect(start(), `character ${at}`).rejects.toThrow("root.key is damaged");
    }
  });

  test.each(["", "{}", "not a key", "null"])(
    "when a key file holds %j, and nothing of the file is shown",
    async (text) => {
      await start();
      for (const name of ["root.key", "receipt.key"]) {
        const good = await readFile(join(directory, name), "utf8");
        for (const bad of [text, good.slice(0, good.length / 2)]) {
          await writeFile(join(directory, name), bad);
          const sentence = `${join(directory, name)} is damaged: put (the|a good) copy .* and start again`;
          await expect(start()).rejects.toThrow(new RegExp(`^${sentence}$`));
        }
        await writeFile(join(directory, name), good);
      }
    },
  );

  test("when the receipt key is of another kind, or its halves do not belong together", async () => {
    await start();
    const pem = (key: ReturnType<typeof generateKeyPairSync>["privateKey"]) =>
      key.export({ type: "pkcs8", format: "pem" });
    const wrongKinds = [
      pem(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey),
      pem(generateKeyPairSync("ed25519").privateKey),
      await mixedHalves(),
    ];
    for (const wrong of wrongKinds) {
      await writeFile(receiptKeyPath(directory), wrong);
      await expect(start()).rejects.toThrow("receipt.key is damaged");
    }
  });
});

/** A PKCS #8 file whose private number is of one key and whose public point is of another. */
async function mixedHalves(): Promise<string> {
  const der = () =>
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "der" });
  const mixed = Buffer.concat([der().subarray(0, -64), der().subarray(-64)]);
  return `-----BEGIN PRIVATE KEY-----\n${mixed.toString("base64")}\n-----END PRIVATE KEY-----\n`;
}

describe("rotation", () => {
  test("of the root key: the newest wraps, all open, even where the clock was set back", async () => {
    const first = await (await start()).generateDataKey(context);
    const paths = [await addRootKey(directory), await addRootKey(directory, new Date(0))];
    const keys = await start();
    const last = await keys.generateDataKey(context);
    expect(paths[1]).toBe(join(directory, `root-${last.rootKeyId}.key`));
    expect(last.rootKeyId).not.toBe(first.rootKeyId);
    for (const { wrapped, plaintext } of [first, last]) {
      expect(Buffer.from(await keys.openDataKey(wrapped, context)).equals(plaintext)).toBe(true);
    }
  });

  test("names the root key that is needed when it is not here", async () => {
    const first = await (await start()).generateDataKey(context);
    const elsewhere = await createEmbeddedKeys({ directory: `${directory}-elsewhere` });
    await expect(elsewhere.openDataKey(first.wrapped, context)).rejects.toThrow(
      `root key ${first.rootKeyId}, which is not here`,
    );
  });

  test("knows wrapped keys by length and format", async () => {
    const keys = await start();
    const { wrapped } = await keys.generateDataKey(context);
    expect(wrapped.length).toBe(77);
    for (const other of [wrapped.subarray(0, 76), Uint8Array.of(...wrapped, 0), wrapped.with(0, 2)]) {
      await expect(keys.openDataKey(other, context)).rejects.toThrow("not the bytes of a wrapped data key");
    }
  });

  test("of the receipt key: the new one signs, every old one stays published, newest first", async () => {
    const kids = [(await (await start()).sign(randomBytes(1))).kid];
    for (const day of [1, 2]) {
      await replaceReceiptKey(directory, new Date(Date.UTC(2030, 0, day)));
      kids.unshift((await (await start()).sign(randomBytes(1))).kid);
    }
    expect(new Set(kids).size).toBe(3);
    expect((await (await start()).publicKeys()).map(({ kid }) => kid)).toEqual(kids);
    expect((await stat(receiptKeyPath(directory))).mode & 0o777).toBe(0o600);
  });

  test("of the receipt key, broken off half way, publishes no key twice", async () => {
    const { kid } = await (await start()).sign(randomBytes(1));
    const pem = await readFile(receiptKeyPath(directory));
    await replaceReceiptKey(directory);
    await writeFile(receiptKeyPath(directory), pem);
    expect((await (await start()).publicKeys()).map((key) => key.kid)).toEqual([kid]);
  });

  test("needs a receipt key to begin with", async () => {
    await start();
    await rm(receiptKeyPath(directory));
    await expect(replaceReceiptKey(directory)).rejects.toThrow("does not exist");
  });

  test("leaves public halves whose damage is noticed", async () => {
    await start();
    const path = await replaceReceiptKey(directory);
    const text = await readFile(path, "utf8");
    const x = /"x": "(.)/.exec(text)!;
    const at = x.index + x[0].length - 1;
    for (const bad of ["{}", text.slice(0, at) + (x[1] === "A" ? "B" : "A") + text.slice(at + 1)]) {
      await writeFile(path, bad);
      await expect(start()).rejects.toThrow("is damaged: receipts signed with it cannot be verified");
    }
  });
});

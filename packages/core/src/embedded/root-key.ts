import { createHash, createHmac, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { NotAsStored } from "../errors.ts";
import type { KeyContext } from "../ports/keys.ts";
import { openGcm, sealGcm } from "./aes-gcm.ts";
import { createSecret, readSecret } from "./key-file.ts";

/** A root key: 32 bytes, named by 32 hex digits that follow from them. */
export type RootKey = { keyId: string; createdAt: string; key: Buffer };

const what =
  "Strongroom root key. Losing this file loses every document; whoever has it can open them all. Keep a copy apart from all backups.";

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const RootKeyFile = z.strictObject({
  what: z.string(),
  version: z.literal(1),
  keyId: z.string().regex(/^[0-9a-f]{32}$/),
  createdAt: z.iso.datetime({ precision: 3 }),
  /** 32 bytes in hex. */
  key: hex32,
  /** SHA-256 of version, keyId, createdAt and key, with a line feed after each. */
  checksum: hex32,
});

/** Path of the first root key of a directory. */
export const firstRootKeyPath = (directory: string) => join(directory, "root.key");

/** All root keys of a directory, `root.key` and `root-*.key`, newest first. Throws when one of them is damaged or readable by others. */
export async function readRootKeys(directory: string): Promise<RootKey[]> {
  const names = (await readdir(directory)).filter((name) => /^root(-.+)?\.key$/.test(name));
  const keys = await Promise.all(names.map((name) => readRootKey(join(directory, name))));
  return keys.filter((key) => key !== null).sort((a, b) => (newerThan(a, b) ? -1 : 1));
}

const newerThan = (a: RootKey, b: RootKey) => `${a.createdAt} ${a.keyId}` > `${b.createdAt} ${b.keyId}`;

/** Creates `root.key`; false when it exists already. */
export async function createFirstRootKey(directory: string): Promise<boolean> {
  return createSecret(firstRootKeyPath(directory), rootKeyFile(randomBytes(32), new Date()));
}

/**
 * Adds a root key, `root-<key id>.key`, that wraps all data keys from the next start on; the old ones go on opening theirs.
 * Returns its path, so that it can be shown for safe-keeping.
 */
export async function addRootKey(directory: string, now = new Date()): Promise<string> {
  const [newest] = await readRootKeys(directory);
  const key = randomBytes(32);
  const path = join(directory, `root-${keyIdOf(key)}.key`);
  // Newest by its stamp, even where the clock was set back.
  const createdAtMs = Math.max(now.getTime(), newest ? Date.parse(newest.createdAt) + 1 : 0);
  await createSecret(path, rootKeyFile(key, new Date(createdAtMs)));
  return path;
}

function rootKeyFile(key: Buffer, now: Date): string {
  const facts = { version: 1, keyId: keyIdOf(key), createdAt: now.toISOString(), key: key.toString("hex") };
  return `${JSON.stringify({ what, ...facts, checksum: checksumOf(facts) }, null, 2)}\n`;
}

async function readRootKey(path: string): Promise<RootKey | null> {
  const text = await readSecret(path);
  if (text === null) return null;
  const facts = parseRootKey(text);
  if (facts === null)
    throw new Error(`${path} is damaged: put the copy from safe-keeping in its place and start again`);
  return { keyId: facts.keyId, createdAt: facts.createdAt, key: Buffer.from(facts.key, "hex") };
}

function parseRootKey(text: string): z.infer<typeof RootKeyFile> | null {
  try {
    const facts = RootKeyFile.parse(JSON.parse(text));
    return checksumOf(facts) === facts.checksum && keyIdOf(Buffer.from(facts.key, "hex")) === facts.keyId
      ? facts
      : null;
  } catch {
    return null; // the reason could hold a part of the key
  }
}

function checksumOf(facts: { version: number; keyId: string; createdAt: string; key: string }): string {
  const lines = [facts.version, facts.keyId, facts.createdAt, facts.key].map((line) => `${line}\n`).join("");
  return createHash("sha256").update(lines).digest("hex");
}

const keyIdOf = (key: Buffer) =>
  createHmac("sha256", key).update("strongroom root key id").digest("hex").slice(0, 32);

/*
 * Wrapped data key, format 1, 77 bytes:
 *   0  1  format, 1
 *   1 16  key id of the root key
 *  17 12  IV, random
 *  29 32  the data key, AES-256-GCM under the root key
 *  61 16  tag; additional data = bytes 0 to 16, then the context as `contextBytes` writes it
 */
const format = 1;
const headLength = 17;
const wrappedLength = 77;

/** Wraps 32 bytes under a root key, bound to a context. Random IVs: keep below 2^32 wraps per root key (NIST SP 800-38D). */
export function wrapKey(root: RootKey, dataKey: Uint8Array, context: KeyContext): Uint8Array {
  const head = Buffer.concat([Buffer.of(format), Buffer.from(root.keyId, "hex")]);
  const iv = randomBytes(12);
  const bound = Buffer.concat([head, contextBytes(context)]);
  return Buffer.concat([head, iv, sealGcm(root.key, iv, bound, dataKey)]);
}

/** Opens what `wrapKey` made under any of the roots. Throws when a bit of it or of the context differs, or its root is not here. */
export function unwrapKey(roots: RootKey[], wrapped: Uint8Array, context: KeyContext): Uint8Array {
  if (wrapped.length !== wrappedLength || wrapped[0] !== format)
    throw new NotAsStored("these are not the bytes of a wrapped data key");
  const bytes = Buffer.from(wrapped);
  const head = bytes.subarray(0, headLength);
  const keyId = head.subarray(1).toString("hex");
  const root = roots.find((candidate) => candidate.keyId === keyId);
  if (!root) throw new Error(`the data key is wrapped under root key ${keyId}, which is not here`);
  const bound = Buffer.concat([head, contextBytes(context)]);
  try {
    return openGcm(root.key, bytes.subarray(17, 29), bound, bytes.subarray(29));
  } catch (cause) {
    throw new NotAsStored(
      "the wrapped data key does not authenticate: its bytes or its context were changed",
      {
        cause,
      },
    );
  }
}

/** Count of pairs, then the pairs in byte order of their names; each name and value as UTF-8 behind its length; all numbers 16 bit. */
function contextBytes(context: KeyContext): Buffer {
  const pairs = Object.entries(context).map(
    (pair) => pair.map((text) => Buffer.from(text, "utf8")) as [Buffer, Buffer],
  );
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  return Buffer.concat([
    uint16(pairs.length),
    ...pairs.flat().flatMap((text) => [uint16(text.length), text]),
  ]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { PublicKey } from "../ports/keys.ts";
import { createSecret, readSecret, replaceSecret } from "./key-file.ts";

/** The key that signs receipts, with its public half. */
export type ReceiptKey = { privateKey: KeyObject; publicKey: PublicKey };

const coordinate = z.base64url().length(43);
const RetiredKey = z.object({
  what: z.string(),
  retiredAt: z.iso.datetime(),
  key: z.object({
    kty: z.literal("EC"),
    crv: z.literal("P-256"),
    x: coordinate,
    y: coordinate,
    kid: z.string(),
    alg: z.literal("ES256"),
    use: z.literal("sig"),
  }),
});

/** Path of the private key: EC P-256, PKCS #8, PEM. */
export const receiptKeyPath = (directory: string) => join(directory, "receipt.key");

/** Creates `receipt.key`; false when it exists already. */
export async function createReceiptKey(directory: string): Promise<boolean> {
  return createSecret(receiptKeyPath(directory), newPem());
}

const newPem = () =>
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();

/** Null when there is no receipt key. Throws when it is damaged, no P-256 key, or readable by others. */
export async function readReceiptKey(directory: string): Promise<ReceiptKey | null> {
  const path = receiptKeyPath(directory);
  const pem = await readSecret(path);
  if (pem === null) return null;
  const key = parseReceiptKey(pem);
  if (key === null) throw new Error(`${path} is damaged: put a good copy in its place and start again`);
  return key;
}

function parseReceiptKey(pem: string): ReceiptKey | null {
  try {
    const privateKey = createPrivateKey(pem);
    const key = { privateKey, publicKey: publicKeyOf(privateKey) };
    const probe = Buffer.from("strongroom");
    // OpenSSL does not compare the two halves when it reads them.
    return verify("sha256", probe, createPublicKey(privateKey), sign("sha256", probe, privateKey))
      ? key
      : null;
  } catch {
    return null; // the reason could hold a part of the key
  }
}

function publicKeyOf(privateKey: KeyObject): PublicKey {
  const { crv, x, y } = createPublicKey(privateKey).export({ format: "jwk" });
  if (crv !== "P-256" || x === undefined || y === undefined)
    throw new Error("the receipt key is not on P-256");
  return { kty: "EC", crv, x, y, kid: thumbprint(x, y), alg: "ES256", use: "sig" };
}

/** RFC 7638: SHA-256 over the required members in this order. */
function thumbprint(x: string, y: string): string {
  return createHash("sha256")
    .update(JSON.stringify({ crv: "P-256", kty: "EC", x, y }))
    .digest("base64url");
}

/** 64 bytes: r, then s. */
export function signBytes(key: ReceiptKey, bytes: Uint8Array): Uint8Array {
  return sign("sha256", bytes, { key: key.privateKey, dsaEncoding: "ieee-p1363" });
}

/** Public halves of the keys that signed before, newest first, from `receipt-<kid>.pub`. Throws when one is damaged. */
export async function readRetiredKeys(directory: string): Promise<PublicKey[]> {
  const names = (await readdir(directory)).filter((name) => /^receipt-.+\.pub$/.test(name));
  const retired = await Promise.all(names.map((name) => readRetiredKey(directory, name)));
  return retired.sort((a, b) => (a.retiredAt > b.retiredAt ? -1 : 1)).map(({ key }) => key);
}

async function readRetiredKey(directory: string, name: string): Promise<z.infer<typeof RetiredKey>> {
  const path = join(directory, name);
  const retired = parseRetiredKey(await readFile(path, "utf8"));
  if (retired === null || name !== retiredName(retired.key)) {
    throw new Error(
      `${path} is damaged: receipts signed with it cannot be verified until a good copy is in its place`,
    );
  }
  return retired;
}

function parseRetiredKey(text: string): z.infer<typeof RetiredKey> | null {
  try {
    const retired = RetiredKey.parse(JSON.parse(text));
    return thumbprint(retired.key.x, retired.key.y) === retired.key.kid ? retired : null;
  } catch {
    return null;
  }
}

const retiredName = (key: PublicKey) => `receipt-${key.kid}.pub`;

/**
 * Puts a new receipt key in the place of the old one, from the next start on; the old public half stays for verification.
 * Returns the path of the retired public half.
 */
export async function replaceReceiptKey(directory: string, now = new Date()): Promise<string> {
  const old = await readReceiptKey(directory);
  if (old === null) throw new Error(`${receiptKeyPath(directory)} does not exist: start once to create it`);
  const retired = {
    what: "Strongroom receipt key, public half, retired.",
    retiredAt: now.toISOString(),
    key: old.publicKey,
  };
  const path = join(directory, retiredName(old.publicKey));
  await createSecret(path, `${JSON.stringify(retired, null, 2)}\n`);
  await replaceSecret(receiptKeyPath(directory), newPem());
  return path;
}

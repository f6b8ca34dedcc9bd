import { createCipheriv, createDecipheriv } from "node:crypto";

const suite = "aes-256-gcm";
const tagLength = 16;

/**
 * AES-256-GCM: as many bytes as `plaintext` has, and behind them the tag of 16 bytes. `key` is 32 bytes, `iv` 12, and never
 * twice the same under one key; `bound` is authenticated with it and stands nowhere in it.
 */
export function sealGcm(key: Uint8Array, iv: Uint8Array, bound: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv(suite, key, iv, { authTagLength: tagLength }).setAAD(bound);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** What `sealGcm` sealed. Throws when a bit of anything differs, before any plaintext is out. */
export function openGcm(key: Uint8Array, iv: Uint8Array, bound: Uint8Array, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv(suite, key, iv, { authTagLength: tagLength });
  decipher.setAAD(bound).setAuthTag(sealed.subarray(-tagLength));
  return Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]);
}

import { createCipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto";

/** Neither it nor what was made with it leaves the process, so nobody can choose bytes that pass for others. */
const key = createSecretKey(randomBytes(32)); // of bytes, each use would make one anew: 24 µs in place of 5
const nonce = Buffer.alloc(12);

/**
 * Tells whether bytes that this process sees twice are the same: a MAC (GMAC, 128 bits, 32 hex digits) under a key of this
 * process, which is worth nothing to anybody else. A tenth of the CPU of SHA-256 (17 beside 1.4 GB/s).
 */
export const createFingerprint = () => createGmac(key, nonce);

/** GMAC of bytes in any pieces: AES-256-GCM over nothing but additional data. `digest` gives 32 hex digits. */
export function createGmac(of: KeyObject, iv: Uint8Array) {
  const mac = createCipheriv("aes-256-gcm", of, iv);
  return {
    update: (bytes: Uint8Array) => void mac.setAAD(bytes),
    digest: () => {
      mac.final();
      return mac.getAuthTag().toString("hex");
    },
  };
}

/** The fingerprint of bytes that are at hand as a whole. */
export function fingerprintOf(bytes: Uint8Array): string {
  const fingerprint = createFingerprint();
  fingerprint.update(bytes);
  return fingerprint.digest();
}

/** What a data key is bound to; must be given again, exactly, to open it. */
export type KeyContext = Record<string, string>;

/** Public half of a receipt key, as served in the JWKS. */
export type PublicKey = {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
  kid: string;
  alg: "ES256";
  use: "sig";
};

/** Root keys never leave it: a root key file on one machine, KMS on AWS. */
export interface Keys {
  /** One call, one new key: 32 bytes in the clear and the same wrapped under the root key. */
  generateDataKey(
    context: KeyContext,
  ): Promise<{ plaintext: Uint8Array; wrapped: Uint8Array; rootKeyId: string }>;
  /** Throws when the root key is another, or the wrapped bytes or the context differ in one bit: `NotAsStored` where that is known. */
  openDataKey(wrapped: Uint8Array, context: KeyContext): Promise<Uint8Array>;
  /** ES256 over SHA-256 of the bytes: 64 bytes, r then s (the form JWS takes). */
  sign(bytes: Uint8Array): Promise<{ signature: Uint8Array; kid: string }>;
  /** Every key that ever signed a receipt, newest first. */
  publicKeys(): Promise<PublicKey[]>;
}

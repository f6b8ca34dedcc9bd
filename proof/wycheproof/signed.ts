import { createPublicKey, webcrypto } from "node:crypto";
import { importJWK, type JWK } from "jose";
import { bytes, type Vector } from "./vectors.ts";

/** A signature over a message, and the key that is said to have made it. */
export type Signed = Vector & Record<"publicKeyDer" | "msg" | "sig", string>;

/** The key as its owner would publish it. */
export const publicJwk = ({ publicKeyDer }: Signed): JWK =>
  createPublicKey({ key: bytes(publicKeyDer), format: "der", type: "spki" }).export({ format: "jwk" }) as JWK;

const algorithms = {
  ES256: { name: "ECDSA", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5" },
} as const;

/** Verifies as jose does, with the key as it reads it: jose itself takes no bytes but those of a JWS. */
export const joseHolds =
  (algorithm: keyof typeof algorithms) =>
  async (jwk: JWK, signed: Uint8Array, signature: Uint8Array): Promise<boolean> => {
    const key = await importJWK(jwk, algorithm);
    if (key instanceof Uint8Array) throw new Error("not a public key");
    return webcrypto.subtle.verify(algorithms[algorithm], key, signature, signed);
  };

/** A signature as it is, or what makes one over what it is given. */
export type Signature = Uint8Array | ((input: string) => Uint8Array);

/** A compact JWS with that signature. */
export function compact(header: object, claims: object, signature: Signature): string {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const made = typeof signature === "function" ? signature(input.join(".")) : signature;
  return [...input, Buffer.from(made).toString("base64url")].join(".");
}

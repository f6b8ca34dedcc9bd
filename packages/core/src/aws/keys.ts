import {
  DecryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  type KMSClientConfig,
  SignCommand,
} from "@aws-sdk/client-kms";
import { createHash, createPublicKey } from "node:crypto";
import { NotAsStored } from "../errors.ts";
import type { Keys, PublicKey } from "../ports/keys.ts";
import { rawSignature } from "./ecdsa-signature.ts";

/** Which keys of KMS to use, by id or ARN (an alias may come to mean another key while we remember the first). */
export type KmsKeyNames = {
  /** Wraps data keys; KMS rotates what is inside, and opens what it wrapped before. Symmetric. */
  dataKeyId: string;
  /** Sign receipts: the first one signs, all are published. ECC_NIST_P256, for signing. */
  signingKeyIds: readonly [string, ...string[]];
};

/** A client that waits ten seconds for an answer, three times; answers take tens of milliseconds. The SDK's own would wait five minutes. */
export const createKmsClient = (options: KMSClientConfig): KMSClient =>
  new KMSClient({ requestHandler: { connectionTimeout: 3_000, socketTimeout: 10_000 }, ...options });

/**
 * Keys in KMS: what is wrapped names its root key itself, so rotated and replicated keys open too. Make the client with
 * `createKmsClient`.
 */
export function createKmsKeys(
  client: KMSClient,
  { dataKeyId, signingKeyIds }: KmsKeyNames,
): Keys & { close(): Promise<void> } {
  const publicKeyOf = remembering((keyId: string) => fetchPublicKey(client, keyId));
  return {
    async generateDataKey(context) {
      const command = new GenerateDataKeyCommand({
        KeyId: dataKeyId,
        KeySpec: "AES_256",
        EncryptionContext: context,
      });
      const { Plaintext, CiphertextBlob, KeyId } = await client.send(command);
      return { plaintext: given(Plaintext), wrapped: given(CiphertextBlob), rootKeyId: given(KeyId) };
    },
    async openDataKey(wrapped, context) {
      const command = new DecryptCommand({ CiphertextBlob: wrapped, EncryptionContext: context });
      return given((await client.send(command).catch(asNotStored)).Plaintext);
    },
    async sign(bytes) {
      const command = new SignCommand({
        KeyId: signingKeyIds[0],
        SigningAlgorithm: "ECDSA_SHA_256",
        ...messageOf(bytes),
      });
      const { Signature, KeyId } = await client.send(command);
      const { kid } = await publicKeyOf(given(KeyId));
      return { signature: rawSignature(given(Signature)), kid };
    },
    publicKeys: () => Promise.all(signingKeyIds.map(publicKeyOf)),
    close: async () => client.destroy(),
  };
}

/** KMS says so when the bytes or the context are not those that it wrapped. */
function asNotStored(error: Error): never {
  if (error.name !== "InvalidCiphertextException") throw error;
  throw new NotAsStored("the wrapped data key does not authenticate: its bytes or its context were changed", {
    cause: error,
  });
}

/** KMS takes no longer message; of a longer one it takes the digest. */
const maxMessageBytes = 4_096;

const messageOf = (bytes: Uint8Array) =>
  bytes.length <= maxMessageBytes
    ? ({ MessageType: "RAW", Message: bytes } as const)
    : ({ MessageType: "DIGEST", Message: createHash("sha256").update(bytes).digest() } as const);

/** Asks once per key; a failure is not remembered. */
function remembering(ask: (keyId: string) => Promise<PublicKey>): (keyId: string) => Promise<PublicKey> {
  const known = new Map<string, Promise<PublicKey>>();
  return (keyId) => {
    const found = known.get(keyId) ?? ask(keyId);
    known.set(keyId, found);
    found.catch(() => known.delete(keyId));
    return found;
  };
}

async function fetchPublicKey(client: KMSClient, keyId: string): Promise<PublicKey> {
  const answer = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
  const key = createPublicKey({ key: Buffer.from(given(answer.PublicKey)), format: "der", type: "spki" });
  const { kty, crv, x, y } = key.export({ format: "jwk" });
  if (kty !== "EC" || crv !== "P-256" || x === undefined || y === undefined)
    throw new Error(`${keyId} is no key on P-256: receipts are signed with ES256`);
  // RFC 7638: SHA-256 over the required members in this order.
  const kid = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
  return { kty, crv, x, y, kid, alg: "ES256", use: "sig" };
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("KMS left a part of its answer out");
  return value;
}

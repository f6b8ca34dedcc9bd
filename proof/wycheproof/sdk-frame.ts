import {
  AlgorithmSuiteIdentifier,
  getDecryptionHelper,
  getEncryptHelper,
  KeyringTraceFlag,
  NodeAlgorithmSuite,
  NodeDecryptionMaterial,
  NodeEncryptionMaterial,
} from "@aws-crypto/client-node";

/**
 * The ciphers with which the AWS Encryption SDK writes and reads frames. Of its suites, the one that uses the key as it is:
 * ours (0x0478) derives another first, and a vector says what the key of the cipher is.
 */
const suite = new NodeAlgorithmSuite(AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16);
const messageId = Buffer.alloc(16);
const trace = (flags: KeyringTraceFlag) => ({ keyNamespace: "wycheproof", keyName: "wycheproof", flags });

/** Seals as the SDK does a frame: ciphertext, then the tag of 16 bytes. */
export function sealFrame(key: Buffer, iv: Buffer, bound: Buffer, plaintext: Buffer): Buffer {
  const material = new NodeEncryptionMaterial(suite, {}).setUnencryptedDataKey(
    Uint8Array.from(key),
    trace(KeyringTraceFlag.WRAPPING_KEY_GENERATED_DATA_KEY),
  );
  const { getCipher } = getEncryptHelper(material).getCipherInfo(messageId);
  const cipher = getCipher(iv).setAAD(bound);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Opens as the SDK does a frame; throws when it does not authenticate. */
export function openFrame(key: Buffer, iv: Buffer, bound: Buffer, sealed: Buffer): Buffer {
  const material = new NodeDecryptionMaterial(suite, {}).setUnencryptedDataKey(
    Uint8Array.from(key),
    trace(KeyringTraceFlag.WRAPPING_KEY_DECRYPTED_DATA_KEY),
  );
  const decipher = getDecryptionHelper(material).getDecipherInfo(messageId)(iv);
  decipher.setAAD(bound).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from "@aws-crypto/client-node";
import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { NotAsStored } from "../errors.ts";
import { type Gate, shield } from "./shield.ts";

/** Whom a sealed artefact is for: all four are authenticated, none is secret. */
export type Addressee = { tenantId: string; documentId: string; artefact: string; attempt: string };

/** What the manifest says of an artefact; `sha256` is of the plaintext, 64 lower-case hex digits. */
export type Manifest = { sizeBytes: number; sha256: string; sealedSizeBytes: number };

/** Plaintext bytes in every frame but the last; the last may be shorter, or empty. */
export const frameBytes = 256 * 1024;

const keyNamespace = "strongroom";
// 0x0478. A misspelt name is undefined and would silently select the SDK's signed default, so the header is checked too.
const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;

const sdk = buildClient({
  commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
  maxEncryptedDataKeys: 1,
});

/**
 * Plaintext in, an AWS Encryption SDK message out (suite 0x0478, frames of 256 KiB), `sealedLength` bytes long.
 * `dataKey` is 32 bytes and stays the caller's. The stream may be destroyed at any time.
 */
export function seal(to: Addressee, dataKey: Uint8Array): Duplex {
  const options = { suiteId, frameLength: frameBytes, encryptionContext: contextOf(to) };
  const sealing = sdk.encryptStream(keyringOf(to, dataKey), options);
  // Destroyed, it would throw outside of every call ("Premature close"): it is left to the collector instead.
  return shield(sealing, noGate, () => {});
}

/**
 * A sealed message in, its plaintext out; fails with `NotAsStored` on any message but a whole, unchanged one to this very addressee.
 * Each frame is authenticated before it is released, but a later frame may still fail: what is out by then is a true
 * prefix, and the stream is destroyed, never ended. Without `sizeBytes`, bytes after the message are found at its end only.
 */
export function open(to: Addressee, dataKey: Uint8Array, sizeBytes: number | null = null): Duplex {
  return opening(to, dataKey, gateFor(to, sizeBytes, null));
}

/** As `open`, and fails also where length or digest differ from the manifest. Throws when the manifest contradicts itself. */
export function openSealed(to: Addressee, dataKey: Uint8Array, manifest: Manifest): Duplex {
  if (manifest.sealedSizeBytes !== sealedLength(to, manifest.sizeBytes)) {
    throw new NotAsStored(
      `sealed length ${manifest.sealedSizeBytes} does not fit ${manifest.sizeBytes} bytes of plaintext`,
    );
  }
  return opening(to, dataKey, gateFor(to, manifest.sizeBytes, manifest.sha256));
}

/** Exact length in bytes of what `seal` makes of `sizeBytes` bytes: with UUIDs about 400 bytes, and 32 for each frame, more. */
export function sealedLength(to: Addressee, sizeBytes: number): number {
  const fullFrames = Math.floor(sizeBytes / frameBytes);
  const lastFrame = 4 + 4 + 12 + 4 + (sizeBytes % frameBytes) + 16;
  return headerLength(to) + fullFrames * (4 + 12 + frameBytes + 16) + lastFrame;
}

function headerLength(to: Addressee): number {
  const pairs = Object.entries(contextOf(to));
  const context = pairs.reduce(
    (sum, [name, value]) => sum + 4 + Buffer.byteLength(name) + Buffer.byteLength(value),
    2,
  );
  const keyName = Buffer.byteLength(to.documentId) + 4 + 4 + 12;
  const wrappedKey = 2 + (2 + Buffer.byteLength(keyNamespace)) + (2 + keyName) + (2 + 32 + 16);
  const versionSuiteId = 1 + 2 + 32;
  const typeFrameCommitmentTag = 1 + 4 + 32 + 16;
  return versionSuiteId + 2 + context + wrappedKey + typeFrameCommitmentTag;
}

function contextOf(to: Addressee): Record<string, string> {
  return {
    app: "strongroom",
    tenant: to.tenantId,
    document: to.documentId,
    artefact: to.artefact,
    attempt: to.attempt,
  };
}

function keyringOf(to: Addressee, dataKey: Uint8Array): RawAesKeyringNode {
  return new RawAesKeyringNode({
    keyNamespace,
    keyName: to.documentId,
    unencryptedMasterKey: Uint8Array.from(dataKey), // a copy: the SDK zeroes what it is given
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  });
}

type Header = {
  suiteId: number;
  frameLength: number;
  encryptionContext: Readonly<Record<string, string>>;
};

/** The keyring compares neither context nor suite with ours: same key and document, another tenant would pass. */
function isAddressedTo(to: Addressee, header: Header): boolean {
  const expected = Object.entries(contextOf(to));
  return (
    header.suiteId === suiteId &&
    header.frameLength === frameBytes &&
    Object.keys(header.encryptionContext).length === expected.length &&
    expected.every(([name, value]) => header.encryptionContext[name] === value)
  );
}

function opening(to: Addressee, dataKey: Uint8Array, gate: Gate): Duplex {
  const inner = sdk.decryptUnsignedMessageStream(keyringOf(to, dataKey), { maxBodySize: frameBytes });
  const outer = shield(inner, gate, () => inner.destroy());
  // Comes after the header authenticates and before any plaintext.
  inner.once("MessageHeader", (header: Header) => {
    if (!isAddressedTo(to, header))
      outer.destroy(new NotAsStored("the message is sealed for another addressee"));
  });
  return outer;
}

const noGate: Gate = { take: () => {}, give: () => {}, end: () => {} };

/** The SDK takes bytes after the last frame without a word, so all lengths are counted here. */
function gateFor(to: Addressee, sizeBytes: number | null, sha256: string | null): Gate {
  const sealedSizeBytes = sizeBytes === null ? Infinity : sealedLength(to, sizeBytes);
  const digest = sha256 === null ? null : createHash("sha256");
  let taken = 0;
  let given = 0;
  return {
    take(sealed) {
      taken += sealed.byteLength;
      if (taken > sealedSizeBytes)
        throw new NotAsStored(`the message is longer than ${sealedSizeBytes} bytes`);
    },
    give(plaintext) {
      given += plaintext.byteLength;
      digest?.update(plaintext);
    },
    end() {
      if (sizeBytes !== null && given !== sizeBytes)
        throw new NotAsStored(`the plaintext has ${given} bytes, not ${sizeBytes}`);
      if (taken !== sealedLength(to, given)) throw new NotAsStored("bytes follow the last frame");
      if (digest && digest.digest("hex") !== sha256)
        throw new NotAsStored("the plaintext has another SHA-256");
    },
  };
}

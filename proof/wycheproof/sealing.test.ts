import { HKDF } from "@aws-crypto/hkdf-node";
import { openGcm as unwrapGcm, sealGcm as wrapGcm } from "@strongroom/core/embedded/aes-gcm";
import { createGmac } from "@strongroom/core/fingerprint";
import { createSecretKey } from "node:crypto";
import { beforeAll, describe, expect, test, type TestContext } from "vitest";
import { deriveKey, openGcm } from "../check/open-sealed.ts";
import { openFrame, sealFrame } from "./sdk-frame.ts";
import { tally } from "./tally.ts";
import { bytes, fetchLimitMs, fetchVectors, type Vector, vectorsOf } from "./vectors.ts";

beforeAll(fetchVectors, fetchLimitMs);

type Sizes = { keySize: number; ivSize: number; tagSize: number };
/** In bits; Strongroom knows no others. */
const isOurs = ({ keySize, ivSize, tagSize }: Sizes) => keySize === 256 && ivSize === 96 && tagSize === 128;
const none = { acceptable: { accepted: 0, refused: 0 }, wrong: [] };

describe("AES-256-GCM with an IV of 12 bytes and a tag of 16", () => {
  type Sealed = Vector & Sizes & Record<"key" | "iv" | "aad" | "msg" | "ct" | "tag", string>;
  const ours = async (context: TestContext) => (await vectorsOf<Sealed>(context, "aes_gcm")).filter(isOurs);

  test("opens every valid message and no other, with the code that unwraps data keys, that of the Encryption SDK for frames, and the independent reader's", async (context) => {
    const vectors = await ours(context);
    for (const open of [unwrapGcm, openFrame, openGcm]) {
      const found = await tally(vectors, ({ key, iv, aad, msg, ct, tag }) =>
        open(bytes(key), bytes(iv), bytes(aad), bytes(ct + tag)).equals(bytes(msg)),
      );
      expect(found).toEqual({ ...none, valid: 39, invalid: 27 });
    }
  });

  test("seals to what the vectors say, with the code that wraps data keys and that of the Encryption SDK for frames", async (context) => {
    const vectors = await ours(context);
    for (const seal of [wrapGcm, sealFrame]) {
      const found = await tally(vectors, ({ key, iv, aad, msg, ct, tag }) =>
        seal(bytes(key), bytes(iv), bytes(aad), bytes(msg)).equals(bytes(ct + tag)),
      );
      expect(found).toEqual({ ...none, valid: 39, invalid: 27 });
    }
  });
});

describe("GMAC, by which bytes are known again within a process", () => {
  type Authenticated = Vector & Sizes & Record<"key" | "iv" | "msg" | "tag", string>;

  test.for([1, 15, 16, 17, 1_000])(
    "is what the vectors say, over pieces of %i bytes",
    async (size, context) => {
      const vectors = (await vectorsOf<Authenticated>(context, "aes_gmac")).filter(isOurs);
      const found = await tally(vectors, ({ key, iv, msg, tag }) => {
        const mac = createGmac(createSecretKey(bytes(key)), bytes(iv));
        for (const piece of cut(bytes(msg), size)) mac.update(piece);
        return mac.digest() === tag;
      });
      expect(found).toEqual({ ...none, valid: 15, invalid: 54 });
    },
  );

  const cut = (whole: Buffer, size: number): Buffer[] =>
    Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
      whole.subarray(at * size, (at + 1) * size),
    );
});

describe("HKDF with SHA-512, from which each message has its own key", () => {
  type Derived = Vector & { size: number } & Record<"ikm" | "salt" | "info" | "okm", string>;

  test("is what the vectors say, with the code of the Encryption SDK", async (context) => {
    const found = await tally(
      await vectorsOf<Derived>(context, "hkdf_sha512"),
      ({ ikm, salt, info, size, okm }) =>
        HKDF("sha512")(bytes(ikm), bytes(salt))(size, bytes(info)).equals(bytes(okm)),
    );
    expect(found).toEqual({ ...none, valid: 80, invalid: 3 });
  });

  // It derives 32 bytes and no more: what is longer begins with them, what is shorter is their beginning.
  test("begins with what the vectors say, with the code of the independent reader", async (context) => {
    const vectors = await vectorsOf<Derived>(context, "hkdf_sha512");
    const valid = vectors.filter(({ result }) => result === "valid"); // the others ask for more than there can be
    const found = await tally(valid, ({ ikm, salt, info, okm }) => {
      const both = Math.min(32, bytes(okm).length);
      const derived = deriveKey(bytes(ikm), bytes(salt), bytes(info));
      return derived.length === 32 && derived.subarray(0, both).equals(bytes(okm).subarray(0, both));
    });
    expect(found).toEqual({ ...none, valid: 80, invalid: 0 });
  });
});

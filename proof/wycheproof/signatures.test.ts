import { checkpointType } from "@strongroom/core/audit/checkpoint";
import { rawSignature } from "@strongroom/core/aws/ecdsa-signature";
import { verifyCompact } from "@strongroom/core/receipt/compact-jws";
import { receiptType } from "@strongroom/core/receipt/receipt";
import { generateKeyPairSync, sign } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../check/check-audit.ts";
import { signatureHolds, verifiedClaims } from "../check/verify-receipt.ts";
import { compact, joseHolds, publicJwk, type Signature, type Signed } from "./signed.ts";
import { tally } from "./tally.ts";
import { bytes, fetchLimitMs, fetchVectors, vectorsOf } from "./vectors.ts";

beforeAll(fetchVectors, fetchLimitMs);

const none = { acceptable: { accepted: 0, refused: 0 }, wrong: [] };
const raw = "ecdsa_secp256r1_sha256_p1363";

describe("ES256, by which receipts and checkpoints hold", () => {
  test("every valid signature holds and no other, for the independent program and as the product asks jose", async (context) => {
    const vectors = await vectorsOf<Signed>(context, raw);
    const programs = [signatureHolds, joseHolds("ES256")];
    for (const holds of programs) {
      const found = await tally(vectors, (one) => holds(publicJwk(one), bytes(one.msg), bytes(one.sig)));
      expect(found).toEqual({ ...none, valid: 173, invalid: 89 });
    }
  });

  // They sign other bytes, or none: zeros, the order of the curve, numbers too long or too short.
  test("no signature of the vectors makes a receipt or a checkpoint under its key", async (context) => {
    const vectors = await vectorsOf<Signed>(context, raw);
    for (const one of vectors) {
      const keys = { keys: [{ ...publicJwk(one), kid: "k" }] };
      expect(await refusals(bytes(one.sig), keys)).toEqual(refused);
    }
    expect(vectors).toHaveLength(262);
  });

  test("a signature over those very bytes does", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const keys = { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] };
    const signer = (input: string) =>
      sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
    expect(await refusals(signer, keys)).toEqual([]);
  });
});

describe("ECDSA signatures in DER, as KMS gives them", () => {
  test("every valid one is brought into the form of JWS and holds, and no other", async (context) => {
    const vectors = await vectorsOf<Signed>(context, "ecdsa_secp256r1_sha256");
    const found = await tally(vectors, (one) =>
      signatureHolds(publicJwk(one), bytes(one.msg), rawSignature(bytes(one.sig))),
    );
    expect(found).toEqual({ ...none, valid: 174, invalid: 310 });
  });
});

const refused = [
  "bad_signature",
  "The signature does not hold: the receipt was changed, or another key signed it.",
  "bad_signature",
  "the signature of a checkpoint does not hold",
];

/** What product and independent programs say against a receipt and a checkpoint with that signature; empty when nothing. */
async function refusals(signature: Signature, keys: { keys: { kid: string }[] }): Promise<string[]> {
  const [receipt, checkpoint] = [receiptType, checkpointType].map((typ) =>
    compact({ alg: "ES256", typ, kid: "k" }, { sequence: 1 }, signature),
  ) as [string, string];
  const opened = openCheckpoint(checkpoint, keys);
  const found = [
    await productSays(receipt, keys, receiptType),
    readerSays(() => verifiedClaims(receipt, keys)),
    await productSays(checkpoint, keys, checkpointType),
    typeof opened === "string" ? opened : null,
  ];
  return found.filter((said) => said !== null);
}

async function productSays(jws: string, keys: { keys: { kid: string }[] }, typ: string) {
  const check = await verifyCompact(jws, keys, typ);
  return check.outcome === "valid" ? null : check.reason;
}

function readerSays(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

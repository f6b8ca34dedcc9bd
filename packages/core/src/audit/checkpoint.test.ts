import fc from "fast-check";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { PublicKey } from "../ports/keys.ts";
import { type Signer, signCompact } from "../receipt/compact-jws.ts";
import { chain, emptyChain, verifyChain } from "./chain.ts";
import {
  type Checkpoint,
  checkpointSha256,
  checkpointPayload,
  checkpointType,
  headIn,
  signCheckpoint,
  verifyCheckpoint,
} from "./checkpoint.ts";

const tenant = (n: number) => `0197a2b4-0000-7000-8000-00000000000${n}`;
const head = (n: number) => ({ tenantId: tenant(n), sequence: n, hash: String(n).repeat(64) });
const checkpoint: Checkpoint = {
  sequence: 1,
  at: "2030-01-01T00:00:00.000Z",
  previousSha256: null,
  heads: [head(1), head(2), head(3)],
};

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "ES256", use: "sig" } as PublicKey;
const keys: Signer = {
  publicKeys: async () => [jwk],
  sign: async (bytes) => ({
    signature: sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" }),
    kid: "k1",
  }),
};
const jwks = { keys: [jwk] };

describe("a checkpoint", () => {
  test("is the same for the same heads, in whatever order they come", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(checkpoint.heads, { minLength: 3 }), (heads) => {
        expect(checkpointSha256({ ...checkpoint, heads })).toBe(checkpointSha256(checkpoint));
      }),
    );
  });

  test("is another for another head, time, number or predecessor", () => {
    const others: Checkpoint[] = [
      { ...checkpoint, sequence: 2 },
      { ...checkpoint, at: "2030-01-01T00:00:00.001Z" },
      { ...checkpoint, previousSha256: "0".repeat(64) },
      { ...checkpoint, heads: [head(1), head(2)] },
      { ...checkpoint, heads: [head(1), head(2), { ...head(3), sequence: 4 }] },
      { ...checkpoint, heads: [head(1), head(2), { ...head(3), hash: "4".repeat(64) }] },
      { ...checkpoint, heads: [] },
    ];
    expect(new Set([checkpoint, ...others].map(checkpointSha256)).size).toBe(others.length + 1);
  });

  test("is named by the SHA-256 of the bytes that are signed", () => {
    expect(checkpointSha256(checkpoint)).toBe(
      createHash("sha256").update(checkpointPayload(checkpoint)).digest("hex"),
    );
  });

  test("cannot hold two heads of one tenant, nor a malformed one", () => {
    expect(() => checkpointPayload({ ...checkpoint, heads: [head(1), head(2), head(1)] })).toThrow(
      "two heads",
    );
    expect(() => checkpointPayload({ ...checkpoint, heads: [{ ...head(1), hash: "1" }] })).toThrow();
    expect(() => checkpointPayload({ ...checkpoint, sequence: 0 })).toThrow();
  });

  test("verifies under the published key, and not when a character of it is another", async () => {
    const jws = await signCheckpoint(keys, checkpoint);
    expect(await verifyCheckpoint(jws, jwks)).toEqual({ outcome: "valid", checkpoint });
    expect(await verifyCheckpoint(jws, { keys: [] })).toEqual({ outcome: "invalid", reason: "unknown_key" });
    for (let at = 0; at < jws.length; at += 7) {
      const changed = jws.slice(0, at) + (jws[at] === "A" ? "B" : "A") + jws.slice(at + 1);
      expect((await verifyCheckpoint(changed, jwks)).outcome).toBe("invalid");
    }
  });

  test("is not a receipt, nor any other signed statement", async () => {
    const payload = checkpointPayload(checkpoint);
    const receipt = await signCompact(keys, "strongroom-receipt+jwt", payload);
    expect(await verifyCheckpoint(receipt, jwks)).toEqual({ outcome: "invalid", reason: "wrong_type" });
    const other = await signCompact(keys, checkpointType, Buffer.from("{}"));
    expect(await verifyCheckpoint(other, jwks)).toEqual({ outcome: "invalid", reason: "not_a_checkpoint" });
  });

  test("holds each tenant's chain to what it saw", () => {
    const entry = {
      tenantId: tenant(1),
      id: tenant(5),
      at: checkpoint.at,
      actor: "a",
      action: "b",
      subject: "c",
      detail: {},
    };
    const row = chain(emptyChain, entry);
    const seen = { ...checkpoint, heads: [{ tenantId: tenant(1), sequence: 1, hash: row.hash }] };
    expect(verifyChain([row], headIn(seen, tenant(1))).outcome).toBe("intact");
    expect(verifyChain([], headIn(seen, tenant(1))).outcome).toBe("broken");
    expect(headIn(seen, tenant(2))).toBeNull();
  });
});

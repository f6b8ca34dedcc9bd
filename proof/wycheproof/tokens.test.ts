import { systemClock } from "@strongroom/core/clock";
import { defaultClaims } from "@strongroom/core/claim-names";
import type { Config } from "@strongroom/core/config";
import type { Refusal } from "@strongroom/core/errors";
import { jsonLog } from "@strongroom/core/log";
import { verifyCompact } from "@strongroom/core/receipt/compact-jws";
import { receiptType } from "@strongroom/core/receipt/receipt";
import { algorithms, verifyCaller } from "@strongroom/functions/authenticate";
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { compactVerify, createLocalJWKSet, type JSONWebKeySet, type JWK } from "jose";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { compact, joseHolds, publicJwk, type Signature, type Signed } from "./signed.ts";
import { tally } from "./tally.ts";
import { bytes, fetchLimitMs, fetchVectors, type Vector, vectorsOf } from "./vectors.ts";

beforeAll(fetchVectors, fetchLimitMs);

const none = { acceptable: { accepted: 0, refused: 0 }, wrong: [] };
const rsa = (bits: number) => `rsa_signature_${bits}_sha256`;

describe("RS256, by which the tokens of most issuers hold", () => {
  test.for([
    [2048, { valid: 9, invalid: 249 }],
    [3072, { valid: 8, invalid: 250 }],
    [4096, { valid: 7, invalid: 250 }],
  ] as const)("with %i bits every valid signature holds and no other", async ([bits, counts], context) => {
    const vectors = await vectorsOf<Signed>(context, rsa(bits));
    const holds = joseHolds("RS256");
    const found = await tally(vectors, (one) => holds(publicJwk(one), bytes(one.msg), bytes(one.sig)));
    // What is acceptable leaves a NULL out that RFC 8017 demands.
    expect(found).toEqual({ ...none, ...counts, acceptable: { accepted: 0, refused: 1 } });
  });
});

describe("a token", () => {
  test.for([
    ["ES256", "ecdsa_secp256r1_sha256_p1363", 262],
    ["RS256", rsa(2048), 259],
  ] as const)("of %s with a signature of the vectors lets nobody in", async ([alg, name, size], context) => {
    const vectors = await vectorsOf<Signed>(context, name);
    const keys = vectors.map((one) => ({ ...publicJwk(one), kid: String(one.tcId), alg, use: "sig" }));
    const issuer = await serveKeys(keys);
    for (const one of vectors) {
      const said = await issuer.ask({ alg, kid: String(one.tcId) }, bytes(one.sig));
      // Without any it has not the form of a token.
      expect(said).toBe(one.sig === "" ? "token_invalid" : "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    }
    expect(vectors).toHaveLength(size);
  });

  test("with a signature over those very bytes does", async () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const issuer = await serveKeys([
      { ...(ec.publicKey.export({ format: "jwk" }) as JWK), kid: "ES256", alg: "ES256" },
      { ...(pair.publicKey.export({ format: "jwk" }) as JWK), kid: "RS256", alg: "RS256" },
    ]);
    const by = (key: KeyObject) => (input: string) =>
      sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
    expect(await issuer.ask({ alg: "ES256", kid: "ES256" }, by(ec.privateKey))).toBe("let in");
    expect(await issuer.ask({ alg: "RS256", kid: "RS256" }, by(pair.privateKey))).toBe("let in");
  });
});

/** A JWS, or an attack on one, beside the key or keys that are to be believed. */
type Jws = Vector & { jws: string; public?: JWK | JSONWebKeySet; private?: JWK | JSONWebKeySet };

function keysOf(one: Jws): JSONWebKeySet {
  const keys = one.public ?? one.private!; // a secret has no public half
  return "keys" in keys ? (keys as JSONWebKeySet) : { keys: [keys as JWK] };
}

async function holdsAsToken(one: Jws): Promise<boolean> {
  await compactVerify(one.jws, createLocalJWKSet(keysOf(one)), { algorithms });
  return true;
}

/** Whether its header names an algorithm that Strongroom takes from nobody. */
const isOfOthers = ({ jws }: Jws) => {
  const { alg } = JSON.parse(Buffer.from(jws.split(".")[0]!, "base64url").toString()) as { alg: string };
  return !["ES256", "RS256"].includes(alg);
};

describe("a JWS", () => {
  test("holds when it is valid and of an algorithm that we take, and no other does", async (context) => {
    const vectors = await vectorsOf<Jws>(context, "json_web_signature");
    const others = vectors.filter((one) => one.result === "valid" && isOfOthers(one));
    const ours = vectors.filter((one) => !others.includes(one));
    expect(await tally(ours, holdsAsToken)).toEqual({ ...none, valid: 10, invalid: 355 });
    const found = await tally(others, holdsAsToken);
    expect([found.valid, found.wrong.length]).toEqual([0, 36]);
  });

  test("that is no receipt is refused, whatever it is", async (context) => {
    const vectors = await vectorsOf<Jws>(context, "json_web_signature");
    const found = vectors.map((one) =>
      verifyCompact(one.jws, { keys: keysOf(one).keys.map((key) => ({ ...key })) }, receiptType),
    );
    expect(new Set((await Promise.all(found)).map(({ outcome }) => outcome))).toEqual(new Set(["invalid"]));
    expect(vectors).toHaveLength(401);
  });

  test("under a bad key of the issuer is refused, but for two that only the issuer can answer for", async (context) => {
    const vectors = await vectorsOf<Jws>(context, "json_web_key");
    const ours = vectors.filter((one) => one.result !== "valid" || !isOfOthers(one));
    expect(await tally(ours, holdsAsToken)).toEqual({
      ...none,
      valid: 1,
      invalid: 19,
      // An issuer that publishes such a key lets in whoever sees it: jose takes both, and to choose keys is the issuer's.
      wrong: [
        "7 is invalid and was accepted: rejectsKeyWithRocaVulnerability",
        "9 is invalid and was accepted: rejectsPublicExponent1",
      ],
    });
  });
});

/** An issuer on loopback with these keys; `ask` brings a good token with that signature, and tells what was said to it. */
async function serveKeys(keys: JWK[]) {
  const server = createServer((request, response) => {
    const found = request.url === "/.well-known/jwks.json";
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    response.end(found ? JSON.stringify({ keys }) : "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise((resolve) => void server.close(() => resolve())));
  const auth = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    audience: "strongroom",
    claims: defaultClaims,
  } satisfies Config["auth"];
  const config = { auth } as Config;
  const now = Math.floor(Date.now() / 1_000);
  const about = { iat: now, exp: now + 600, sub: randomUUID(), tenant: randomUUID() };
  const claims = { iss: auth.issuer, aud: auth.audience, ...about };
  return {
    async ask(header: { alg: string; kid: string }, signature: Signature) {
      const lines: string[] = [];
      const log = jsonLog({}, (line) => void lines.push(line));
      const token = compact({ typ: "at+jwt", ...header }, claims, signature);
      const asked = verifyCaller({ clock: systemClock, log, config }, `Bearer ${token}`);
      return await asked.then(
        () => "let in",
        (error: Refusal) =>
          lines.length > 0 ? (JSON.parse(lines[0]!) as { reason: string }).reason : error.code,
      );
    },
  };
}

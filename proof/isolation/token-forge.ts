import {
  createHmac,
  createSign,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign as signBytes,
} from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

type Fields = Record<string, unknown>;
export type Signer = (input: string) => Buffer;

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const otherCurve = generateKeyPairSync("ec", { namedCurve: "P-384" });
const bitcoin = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed = generateKeyPairSync("ed25519");
/** Signs, and stands in no key set. */
export const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
/** Signed until it was rotated out. */
const retired = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const publicKeys = { ec: ec.publicKey, rsa: rsa.publicKey };

const jwk = (key: KeyObject, kid: string, alg: string) => ({
  ...key.export({ format: "jwk" }),
  kid,
  alg,
  use: "sig",
});
const published = [
  jwk(ec.publicKey, "ec", "ES256"),
  jwk(rsa.publicKey, "rsa", "RS256"),
  jwk(otherCurve.publicKey, "p384", "ES384"),
  jwk(ed.publicKey, "ed", "EdDSA"),
  // An issuer's mistake: a key of another curve under the name of ours.
  jwk(otherCurve.publicKey, "mislabelled", "ES256"),
  { kty: "oct", kid: "secret", alg: "HS256", k: Buffer.from("secret").toString("base64url") },
];
const retiredKey = jwk(retired.publicKey, "retired", "ES256");

const ecdsa =
  (key: KeyObject, hash = "sha256"): Signer =>
  (input) =>
    createSign(hash).update(input).sign({ key, dsaEncoding: "ieee-p1363" });
export const signers = {
  es256: ecdsa(ec.privateKey),
  stranger: ecdsa(stranger.privateKey),
  retired: ecdsa(retired.privateKey),
  es384: ecdsa(otherCurve.privateKey, "sha384"),
  es256OverP384: ecdsa(otherCurve.privateKey),
  es256k: ecdsa(bitcoin.privateKey),
  der: (input: string) => createSign("sha256").update(input).sign(ec.privateKey),
  rs256: (input: string) => createSign("sha256").update(input).sign(rsa.privateKey),
  ed25519: (input: string) => signBytes(null, Buffer.from(input), ed.privateKey),
  hmac: (secret: string | Buffer) => (input: string) => createHmac("sha256", secret).update(input).digest(),
};

/** The order of P-256: what an ECDSA signature's `s` may be taken from without making it invalid. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const number = (bytes: Buffer) => BigInt(`0x${bytes.toString("hex")}`);
const bytesOf = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex");
const halves = (signature: Buffer) => [signature.subarray(0, 32), signature.subarray(32)] as const;

/** Honest signatures, changed. */
export const altered: Record<string, Signer> = {
  swapped: (input) => Buffer.concat([...halves(signers.es256(input))].toReversed()),
  mirrored: (input) => {
    const [r, s] = halves(signers.es256(input));
    return Buffer.concat([r, bytesOf(order - number(s))]);
  },
  overOrder: (input) => {
    const [r, s] = halves(signers.es256(input));
    return Buffer.concat([r, bytesOf((number(s) + order) % (1n << 256n))]);
  },
  zero: () => Buffer.alloc(64),
  zeroR: (input) => Buffer.concat([Buffer.alloc(32), halves(signers.es256(input))[1]]),
  zeroS: (input) => Buffer.concat([halves(signers.es256(input))[0], Buffer.alloc(32)]),
  orderTwice: () => Buffer.concat([bytesOf(order), bytesOf(order)]),
  ones: () => Buffer.concat([bytesOf(1n), bytesOf(1n)]),
  truncated: (input) => signers.es256(input).subarray(0, 63),
  longer: (input) => Buffer.concat([signers.es256(input), Buffer.from([0])]),
  empty: () => Buffer.alloc(0),
};

const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Makes tokens for one person of one issuer at one moment (seconds since 1970). */
export function tokenForge(issuer: string, audience: string, person: Fields, now: number) {
  const claims: Fields = {
    iss: issuer,
    aud: audience,
    ...person,
    iat: now,
    exp: now + 600,
    jti: randomUUID(),
  };
  const header: Fields = { alg: "ES256", typ: "at+jwt", kid: "ec" };
  /** A text in place of fields is taken as it stands. */
  const token = (
    more: Fields | string = {},
    moreHeader: Fields | string = {},
    signer: Signer = signers.es256,
  ) => {
    const head = typeof moreHeader === "string" ? moreHeader : { ...header, ...moreHeader };
    const input = `${encode(head)}.${encode(typeof more === "string" ? more : { ...claims, ...more })}`;
    return `${input}.${signer(input).toString("base64url")}`;
  };
  return { claims, header, token, encode };
}
export type TokenForge = ReturnType<typeof tokenForge>;

/** Serves key sets on loopback: `/` the published one, `/rotating` with the retired key until it is taken away, others in disorder. */
export async function serveKeys() {
  const state = { rotating: [...published, retiredKey] as Fields[] };
  const answers: Record<string, () => [number, string]> = {
    "": () => [200, JSON.stringify({ keys: published })],
    "/rotating": () => [200, JSON.stringify({ keys: state.rotating })],
    "/broken": () => [200, '{"keys":7}'],
    "/failing": () => [500, "{}"],
    "/empty": () => [200, '{"keys":[]}'],
    "/html": () => [200, "<html>"],
  };
  const server = createServer((request, response) => {
    const path = request.url!.replace("/.well-known/jwks.json", "");
    const [status, body] = answers[path]?.() ?? [404, "{}"];
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rotate: () => void (state.rotating = published),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

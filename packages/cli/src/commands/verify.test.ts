import { createHash } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type StandIn, startStandInServer } from "../stand-in-server.ts";
import { makeHome, runCommand } from "../stand-in-terminal.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const document = "0198f1c2-7b2a-7cc3-9d4e-111111111111";
const claims = {
  iss: "https://docs.example.com",
  tenant: "0198f1c2-7b2a-4cc3-9d4e-222222222222",
  document,
  confirmationCode: "ACDE-FGHJ",
  kind: "cmr",
  loadNumber: "4711",
  originals: [
    { position: 1, sha256: sha256("page one"), sizeBytes: 8 },
    { position: 2, sha256: sha256("page two"), sizeBytes: 8 },
  ],
  receivedAt: "2025-11-20T14:03:09.000Z",
  storedAt: "2025-11-20T14:03:11.000Z",
  keyId: "root-1",
  checkpoint: null,
};

let pair: Awaited<ReturnType<typeof generateKeyPair>>;
let keys: { keys: Record<string, string>[] };
beforeAll(async () => {
  pair = await generateKeyPair("ES256", { extractable: true });
  const { kty, crv, x, y } = await exportJWK(pair.publicKey);
  keys = { keys: [{ kty: kty!, crv: crv!, x: x!, y: y!, kid: "k1", alg: "ES256", use: "sig" }] };
});

let home: Awaited<ReturnType<typeof makeHome>>;
let server: StandIn | null;
let receipt: string;
let keysPath: string;
beforeEach(async () => {
  server = null;
  home = await makeHome();
  receipt = await home.file("receipt.jws", `${await sign(claims)}\n`);
  keysPath = await home.file("keys.json", JSON.stringify(keys));
});
afterEach(async () => {
  await server?.close();
  await home.remove();
});

const sign = (payload: object, typ = "strongroom-receipt+jwt") =>
  new SignJWT({ ...payload })
    .setProtectedHeader({ alg: "ES256", typ, kid: "k1" })
    .setIssuedAt(1_763_647_391)
    .sign(pair.privateKey);
const run = (...argv: string[]) => runCommand(["verify", ...argv], { home: home.path, as: null });

test("a genuine receipt is verified without any network, and each file is named with its place", async () => {
  const second = await home.file("b.jpg", "page two");
  const { code, stdout } = await run(receipt, second, "--keys", keysPath);
  expect(code).toBe(0);
  expect(stdout).toContain("VERIFIED: the receipt is genuine, and every file is on it.");
  expect(stdout).toContain(`${second} is file 2 of 2, 8 B, byte for byte`);
  expect(stdout).toContain("not compared: file 1 of 2");
});

test("a file that was changed by one byte is not on the receipt", async () => {
  const changed = await home.file("b.jpg", "page twO");
  const { code, stdout } = await run(
    receipt,
    await home.file("a.jpg", "page one"),
    changed,
    "--keys",
    keysPath,
    "--json",
  );
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    verified: false,
    reason: "original_not_listed",
    receipt: { document },
    files: [{ positions: [1] }, { path: changed, sizeBytes: 8, sha256: sha256("page twO"), positions: [] }],
  });
});

test("a receipt whose claims were altered is not verified", async () => {
  const [header, , signature] = (await sign(claims)).split(".");
  const [, payload] = (await sign({ ...claims, loadNumber: "4712" })).split(".");
  const forged = await home.file("forged.jws", [header, payload, signature].join("."));
  const { code, stdout } = await run(forged, "--keys", keysPath);
  expect(code).toBe(1);
  expect(stdout).toBe("NOT VERIFIED: the signature does not fit: the receipt was altered, or is forged.\n");
});

test("keys of another server do not verify it, and neither does text that is no receipt", async () => {
  const strangers = await home.file("strangers.json", '{"keys":[]}');
  expect(JSON.parse((await run(receipt, "--keys", strangers, "--json")).stdout)).toEqual({
    verified: false,
    reason: "unknown_key",
    receipt: null,
    certificate: null,
    files: [],
  });
  const photo = await home.file("photo.jpg", "page one");
  expect(await run(photo, "--keys", keysPath)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("not a signed receipt"),
  });
});

const erasure = {
  iss: "https://docs.example.com",
  tenant: claims.tenant,
  document,
  erasedAt: "2026-01-05T09:00:00.000Z",
  erasedBy: "user:0198f1c2-7b2a-4cc3-9d4e-333333333333",
  originals: [{ position: 1, sha256: sha256("page one"), sizeBytes: 8 }],
  keyId: "root-1",
  receiptSha256: sha256("receipt"),
  auditEntry: "0198f1c2-7b2a-7cc3-9d4e-444444444444",
  backupsExpireOn: "2026-02-10",
};
const certify = async (payload: object) =>
  await home.file("certificate.jws", await sign(payload, "strongroom-erasure+jwt"));

test("a genuine certificate of erasure is verified, and all that it says is shown", async () => {
  const certificate = await certify(erasure);
  const { code, stdout } = await run(certificate, "--keys", keysPath);
  expect(code).toBe(0);
  expect(stdout).toContain("VERIFIED: the certificate of erasure is genuine.\n");
  for (const fact of [
    `document ${document}`,
    /erased 2026-01-0\d .*, asked for by user:0198f1c2.*, signed by https:\/\/docs\.example\.com/,
    `file 1: 8 B, SHA-256 ${sha256("page one")}`,
    "expires on 2026-02-10 (UTC); after that day no backup has it",
    `its receipt: SHA-256 ${sha256("receipt")}`,
    "root key root-1",
    erasure.auditEntry,
  ])
    expect(stdout).toMatch(fact);
  expect(JSON.parse((await run(certificate, "--keys", keysPath, "--json")).stdout)).toMatchObject({
    verified: true,
    reason: null,
    receipt: null,
    certificate: { document, backupsExpireOn: "2026-02-10" },
  });
});

test("a certificate that was altered, signed by strangers or says something else is not verified", async () => {
  const strangers = await home.file("strangers.json", '{"keys":[]}');
  expect(await run(await certify(erasure), "--keys", strangers)).toMatchObject({ code: 1 });
  expect(await run(await certify({ ...erasure, erasedAt: "yesterday" }), "--keys", keysPath)).toMatchObject({
    code: 1,
    stdout: "NOT VERIFIED: it is signed, but does not say what a certificate of erasure says.\n",
  });
  const [header, , signature] = (await sign(erasure, "strongroom-erasure+jwt")).split(".");
  const [, payload] = (await sign({ ...erasure, erasedBy: "user:ben" })).split(".");
  const forged = await home.file("forged.jws", [header, payload, signature].join("."));
  expect(await run(forged, "--keys", keysPath)).toMatchObject({
    code: 1,
    stdout: "NOT VERIFIED: the signature does not fit: the certificate was altered, or is forged.\n",
  });
});

test("no file can be compared with a certificate of erasure", async () => {
  const photo = await home.file("a.jpg", "page one");
  expect(await run(await certify(erasure), photo, "--keys", keysPath)).toMatchObject({
    code: 2,
    stdout: "",
    stderr: "This is a certificate of erasure, and no file can be compared with it. Give it alone.\n",
  });
});

test("what names itself neither receipt nor certificate is not said to be signed: nothing was checked", async () => {
  const [, payload, signature] = (await sign(claims)).split(".");
  const header = Buffer.from('{"alg":"ES256","typ":"strongroom-reczipt+jwt","kid":"k1"}').toString(
    "base64url",
  );
  const altered = await home.file("altered.jws", [header, payload, signature].join("."));
  const { code, stdout } = await run(altered, "--keys", keysPath);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^NOT VERIFIED: its header does not say that it is a receipt or a certificate/);
  expect(stdout).not.toContain("is signed");
});

test("the keys may come from the server, for which nobody must be logged in", async () => {
  server = await startStandInServer();
  server.texts.keys = keys;
  expect((await run(receipt, "--url", server.url)).code).toBe(0);
  expect(server.requests).toEqual(["GET /v1/receipt-keys"]);
});

test("without keys, or without the files, it says what to give", async () => {
  expect(await run(receipt)).toMatchObject({ code: 2, stderr: expect.stringContaining("--keys keys.json") });
  expect(await run(receipt, "--keys", receipt)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("not a set of public keys"),
  });
  expect(await run(receipt, "nowhere.jpg", "--keys", keysPath)).toMatchObject({
    code: 2,
    stderr: "There is no file nowhere.jpg.\n",
  });
});

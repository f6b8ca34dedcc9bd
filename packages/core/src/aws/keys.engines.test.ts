import { CreateKeyCommand, type CreateKeyCommandInput, KMSClient } from "@aws-sdk/client-kms";
import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { kmsServer } from "@strongroom/local/engines/kms";
import { beforeAll, expect, it } from "vitest";
import { keysContract } from "../contract/keys.ts";
import { createKmsKeys, type KmsKeyNames } from "./keys.ts";

const joinsPairs = "the server joins names and values without a mark between them; KMS does not";

describeWith(kmsServer, (kms) => {
  const connect = () => {
    const credentials = { accessKeyId: "any", secretAccessKey: "any" };
    return new KMSClient({ endpoint: kms().url, region: kms().region, credentials });
  };
  const signing = { KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" } as const;
  const makeKey = async (options: CreateKeyCommandInput) =>
    (await connect().send(new CreateKeyCommand(options))).KeyMetadata!.Arn!;

  let names: KmsKeyNames;
  beforeAll(async () => {
    names = { dataKeyId: await makeKey({}), signingKeyIds: [await makeKey(signing), await makeKey(signing)] };
  });
  const open = async (changes: Partial<KmsKeyNames> = {}) =>
    createKmsKeys(connect(), { ...names, ...changes });

  keysContract("KMS", open, { "letters moved from a name to its value": joinsPairs });

  it("receipts of a retired key are verified with its public half, and none are signed with it", async () => {
    const before = await (await open()).sign(Buffer.of(1));
    const newest = await makeKey(signing);
    const keys = await open({ signingKeyIds: [newest, ...names.signingKeyIds] });
    const published = (await keys.publicKeys()).map(({ kid }) => kid);
    expect(published).toHaveLength(3);
    expect(published[1]).toBe(before.kid);
    expect((await keys.sign(Buffer.of(1))).kid).toBe(published[0]);
  });

  it("a data key that was wrapped by a former root key opens beside a new one", async () => {
    const context = { tenant: "t", document: "d" };
    const former = await (await open()).generateDataKey(context);
    const keys = await open({ dataKeyId: await makeKey({}) });
    expect((await keys.generateDataKey(context)).rootKeyId).not.toBe(former.rootKeyId);
    expect(Buffer.from(await keys.openDataKey(former.wrapped, context)).equals(former.plaintext)).toBe(true);
  });

  it.each([
    ["a receipt of 4,096 bytes is sent as it is", 4_096, (bytes: Buffer) => bytes],
    // The server knows no digests: it takes this one for a short message. KMS would sign it as it stands.
    [
      "of a receipt of 4,097 bytes the digest is sent",
      4_097,
      (bytes: Buffer) => createHash("sha256").update(bytes).digest(),
    ],
  ])("%s", async (_, sizeBytes, sent) => {
    const keys = await open();
    const bytes = randomBytes(sizeBytes);
    const [published] = await keys.publicKeys();
    const key = {
      key: createPublicKey({ key: { ...published }, format: "jwk" }),
      dsaEncoding: "ieee-p1363",
    } as const;
    expect(verify("sha256", sent(bytes), key, (await keys.sign(bytes)).signature)).toBe(true);
  });

  it("a signing key on another curve is refused", async () => {
    const other = await makeKey({ KeySpec: "ECC_NIST_P384", KeyUsage: "SIGN_VERIFY" });
    await expect((await open({ signingKeyIds: [other] })).publicKeys()).rejects.toThrow("no key on P-256");
  });
});

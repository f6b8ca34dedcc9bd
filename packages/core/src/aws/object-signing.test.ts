import { expect, it } from "vitest";
import type { PutGrant } from "../ports/objects.ts";
import { createS3Client } from "./object-client.ts";
import { signPart, signPut } from "./object-signing.ts";

const store = {
  client: createS3Client({
    region: "eu-central-1",
    credentials: { accessKeyId: "id", secretAccessKey: "secret" },
  }),
  buckets: { staging: "staging", vault: "vault" },
};
const grant: PutGrant = {
  key: "s/tenant/document/file/nonce",
  sizeBytes: 3,
  mediaType: "image/jpeg",
  sha256: "00".repeat(32),
  metadata: { document: "d", file: "f" },
  expiresInMs: 300_000,
};
const parametersOf = (url: string) => Object.fromEntries(new URL(url).searchParams);

it("a signed PUT binds every header that it is sent with, and carries no checksum of its own", async () => {
  const { url, headers } = await signPut(store, grant);
  const parameters = parametersOf(url);
  const signed = parameters["X-Amz-SignedHeaders"]!.split(";");
  expect(signed.filter((name) => name !== "host")).toEqual(Object.keys(headers).toSorted());
  expect(headers).toEqual({
    "content-length": "3",
    "content-type": "image/jpeg",
    "if-none-match": "*",
    "x-amz-checksum-sha256": Buffer.alloc(32).toString("base64"),
    "x-amz-meta-document": "d",
    "x-amz-meta-file": "f",
  });
  expect(Object.keys(parameters).filter((name) => /crc|meta|sha256/.test(name))).toEqual([]);
  expect(new URL(url).hostname).toBe("staging.s3.eu-central-1.amazonaws.com");
});

it("a signed part binds its length and hash, its upload and its number", async () => {
  const part = {
    key: grant.key,
    uploadId: "upload",
    partNumber: 7,
    sizeBytes: 3,
    sha256: grant.sha256,
    expiresInMs: 1,
  };
  const { url, headers } = await signPart(store, part);
  const parameters = parametersOf(url);
  expect(parameters).toMatchObject({ uploadId: "upload", partNumber: "7", "X-Amz-Expires": "1" });
  expect(parameters["X-Amz-SignedHeaders"]).toBe("content-length;host;x-amz-checksum-sha256");
  expect(Object.keys(headers)).toEqual(["content-length", "x-amz-checksum-sha256"]);
});

it("the told moment of expiry is not later than the one that was signed", async () => {
  const { url, expiresAt } = await signPut(store, { ...grant, expiresInMs: 1_500 });
  const { "X-Amz-Date": date, "X-Amz-Expires": seconds } = parametersOf(url);
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(date!)!;
  const signedAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  expect(seconds).toBe("2");
  expect(expiresAt.getTime()).toBeLessThanOrEqual(signedAt + 2_000);
});

it.each([0, 10_001, 1.5])("a part cannot have the number %d", async (partNumber) => {
  const { metadata: _, mediaType: _type, ...bound } = grant;
  await expect(signPart(store, { ...bound, uploadId: "upload", partNumber })).rejects.toThrow(
    "no part number",
  );
});

import { CreateBucketCommand, PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { type S3Server, s3Server } from "@strongroom/local/engines/s3";
import { expect, it } from "vitest";
import { objectsContract } from "../contract/objects.ts";
import { sha256Hex } from "../digest.ts";
import type { PutGrant, SignedRequest } from "../ports/objects.ts";
import { createS3Client } from "./object-client.ts";
import { createS3Objects } from "./objects.ts";

const buckets = { staging: "strongroom-staging", vault: "strongroom-vault" };

const clientOptions = ({ url, region, credentials }: S3Server) => ({
  endpoint: url,
  region,
  credentials,
  forcePathStyle: true,
});

async function openObjects(server: S3Server) {
  const client = createS3Client(clientOptions(server));
  for (const Bucket of Object.values(buckets)) {
    await client.send(new CreateBucketCommand({ Bucket })).catch(unlessOurs);
    await client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
    );
  }
  return createS3Objects({ client, buckets });
}

const unlessOurs = (error: Error) => {
  if (error.name !== "BucketAlreadyOwnedByYou") throw error;
};

/** As a browser would: the length is the body's own. */
async function send({ url, headers }: SignedRequest, body: Uint8Array): Promise<number> {
  const { "content-length": _, ...rest } = headers;
  const answer = await fetch(url, { method: "PUT", headers: rest, body: Uint8Array.from(body) });
  await answer.arrayBuffer();
  return answer.status;
}

const asFiles = "the server keeps objects as files, and names with slashes as directories";

describeWith(s3Server, (s3) => {
  const open = async () => {
    const objects = await openObjects(s3());
    return { objects, upload: send, close: objects.close };
  };
  objectsContract("S3", open, { directories: asFiles });

  const grant = (bytes: Uint8Array, expiresInMs = 60_000): PutGrant => ({
    key: `s/own/${randomUUID()}`,
    sizeBytes: bytes.length,
    sha256: sha256Hex(bytes),
    mediaType: "image/jpeg",
    metadata: {},
    expiresInMs,
  });
  const bytes = Buffer.from("a photo");

  it.each<[string, (url: URL) => void]>([
    ["another key", (url) => (url.pathname += "x")],
    ["another bucket", (url) => (url.pathname = url.pathname.replace(buckets.staging, buckets.vault))],
    ["another signature", (url) => url.searchParams.set("X-Amz-Signature", "0".repeat(64))],
    ["a longer life", (url) => url.searchParams.set("X-Amz-Expires", "604800")],
    ["no signed length", (url) => url.searchParams.set("X-Amz-SignedHeaders", "host")],
  ])("a signed URL that was changed to %s is refused", async (_, change) => {
    const objects = await openObjects(s3());
    const request = await objects.signPut(grant(bytes));
    const url = new URL(request.url);
    change(url);
    expect(await send({ ...request, url: url.href }, bytes)).toBe(403);
    expect(await send(request, bytes)).toBe(200);
    await objects.close();
  });

  it("a signed URL is refused once its time is over", async () => {
    const objects = await openObjects(s3());
    const request = await objects.signPut(grant(bytes, 1_000));
    await setTimeout(request.expiresAt.getTime() + 1_100 - Date.now());
    expect(await send(request, bytes)).toBe(403);
    await objects.close();
  });

  it("a list of more than a thousand objects goes on from page to page", async () => {
    const objects = await openObjects(s3());
    const names = Array.from({ length: 1_001 }, (_, index) => `v/many/${String(index).padStart(4, "0")}`);
    for (const key of names)
      await objects.put(key, Readable.from([bytes]), { sizeBytes: bytes.length, mediaType: "image/jpeg" });
    const listed: string[] = [];
    for await (const { key } of objects.list("v/many/")) listed.push(key);
    expect(listed).toEqual(names);
    await objects.close();
  });

  it("a bucket that is not there is told from an object that is not there", async () => {
    await (await openObjects(s3())).close();
    const client = createS3Client(clientOptions(s3()));
    const objects = createS3Objects({ client, buckets: { ...buckets, vault: "nowhere" } });
    const key = `00/${randomUUID()}`;
    for (const _time of [1, 2])
      await expect(objects.head(`v/${key}`)).rejects.toThrow("there is no bucket nowhere");
    expect(await objects.head(`s/${key}`)).toBeNull();
    await objects.close();
  });

  it("a put into a bucket without versions is told, for nobody could remove what it left", async () => {
    const client = createS3Client(clientOptions(s3()));
    await client.send(new CreateBucketCommand({ Bucket: "unversioned" }));
    const objects = createS3Objects({ client, buckets: { staging: "unversioned", vault: "unversioned" } });
    const put = objects.put("s/a", Readable.from([bytes]), {
      sizeBytes: bytes.length,
      mediaType: "image/jpeg",
    });
    await expect(put).rejects.toThrow("keeps no versions");
    await objects.close();
  });
});

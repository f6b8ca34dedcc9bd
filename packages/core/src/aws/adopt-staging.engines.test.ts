import { CreateBucketCommand, PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { s3Server } from "@strongroom/local/engines/s3";
import { asOwner, declareInParts, forget, newPage } from "@strongroom/local/test-documents";
import { declare, newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createS3Client } from "./object-client.ts";
import { createS3Objects } from "./objects.ts";
import { showDocument } from "../document/show-document.ts";
import type { Ports } from "../ports/ports.ts";
import { acceptUpload } from "../upload/accept-upload.ts";
import { adoptStaging } from "../upload/adopt-staging.ts";
import { completeUpload } from "../upload/complete-upload.ts";

const buckets = { staging: "adopted-staging", vault: "adopted-vault" };

describeWith(s3Server, (s3) => {
  let world: TestWorld;
  let ports: Ports;
  let objects: ReturnType<typeof createS3Objects>;
  beforeAll(async () => {
    world = await testWorld();
    const { url: endpoint, region, credentials } = s3();
    const client = createS3Client({ endpoint, region, credentials, forcePathStyle: true });
    const VersioningConfiguration = { Status: "Enabled" } as const;
    for (const Bucket of Object.values(buckets)) {
      await client.send(new CreateBucketCommand({ Bucket }));
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    }
    objects = createS3Objects({ client, buckets });
    ports = { ...world.ports, objects };
  });
  afterAll(async () => {
    await objects.close();
    await world.close();
  });

  it("what S3 tells on HEAD is enough to take a document in again: a page in one piece, and one in parts", async () => {
    const pages = [newPage(), newPage(16 * 1024 * 1024 + 1)];
    const files = [declare(pages[0]!), declareInParts(pages[1]!)];
    const request = { id: newDocumentId(), kind: "cmr", files };
    const { uploads } = await acceptUpload(ports, world.dora, request);
    expect(await putAll(uploads, pages)).toEqual([200, 200, 200, 200]);
    await completeUpload(ports, world.dora, request.id);
    const filesOf = () =>
      asOwner(
        world,
        "select id, position, size_bytes, sha256, part_sha256, staging_key from document_file where document_id = $1 order by 2",
        [request.id],
      );
    const before = await filesOf();
    await forget(world, request.id);
    expect(await adoptStaging(ports)).toBe(1);
    expect(await filesOf()).toEqual(before);
    expect(await showDocument(ports, world.dora, request.id)).toMatchObject({ state: "received" });
  });
});

import type { Bucket } from "aws-cdk-lib/aws-s3";
import { use } from "sst/constructs";
import { allow } from "./allow.ts";
import { storage } from "./storage.ts";

/** What may be done in staging and vault. HEAD or GET of a missing key is 404 only for whoever may list. */
export const objectGrants = () => ({ ...stagingGrants(use(storage)), ...vaultGrants(use(storage)) });

type Buckets = ReturnType<typeof storage>;

function stagingGrants({ staging }: Buckets) {
  return {
    /** What a presigned URL may do, its signer must be allowed; and an upload without parts is open or over, as the list of uploads says. */
    signUploads: () => [
      ...allow(
        ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        [staging.arnForObjects("s/*")],
      ),
      ...listBelow(staging, "s/*"),
      ...listUploads(staging),
    ],
    /** Looks whether pages arrived, and joins (`PutObject`) what came in parts. */
    receiveUploads: () => [
      ...allow(
        ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts"],
        [staging.arnForObjects("s/*")],
      ),
      ...listBelow(staging, "s/*"),
    ],
    readStaging: () => [
      ...allow(["s3:GetObject"], [staging.arnForObjects("s/*")]),
      ...listBelow(staging, "s/*"),
    ],
    collectStaging: () => [
      ...allow(["s3:DeleteObjectVersion", "s3:AbortMultipartUpload"], [staging.arnForObjects("s/*")]),
      ...listBelow(staging, "s/*", "s3:ListBucketVersions"),
      ...listUploads(staging),
    ],
  };
}

/**
 * Sealed objects: `v/<two hex digits>/…`, where IAM's `?` is any one character. Checkpoints lie beside them, and no key is written
 * twice: whoever could put there first would stand in the real one's way for ever.
 */
const sealed = "v/??/*";

function vaultGrants({ vault }: Buckets) {
  return {
    collectVault: () => [
      ...allow(["s3:DeleteObjectVersion"], [vault.arnForObjects(sealed)]),
      ...listBelow(vault, "v/*", "s3:ListBucketVersions"),
    ],
    /** Writes, and reads back the sealed bytes to know that they arrived. */
    writeVault: () => [
      ...allow(["s3:PutObject", "s3:GetObject"], [vault.arnForObjects(sealed)]),
      ...listBelow(vault, "v/*"),
    ],
    writeCheckpoints: () => [
      ...allow(["s3:PutObject", "s3:GetObject"], [vault.arnForObjects("v/checkpoints/*")]),
      ...listBelow(vault, "v/checkpoints/*"),
    ],
    /** Kept for ever; the bucket's own policy lets nobody remove them. */
    writeTombstones: () => [
      ...allow(["s3:PutObject", "s3:GetObject"], [vault.arnForObjects("t/*")]),
      ...listBelow(vault, "t/*"),
    ],
    /** Whether an erasure has begun. */
    findTombstones: () => [
      ...allow(["s3:GetObject"], [vault.arnForObjects("t/*")]),
      ...listBelow(vault, "t/*"),
    ],
    /** Every erasure that there was, for a database that was restored. */
    replayTombstones: () => [
      ...allow(["s3:GetObject"], [vault.arnForObjects("t/*")]),
      ...listBelow(vault, "t/*", "s3:ListBucketVersions"),
    ],
    /** Readers and fixity: a missing object has to look missing, not forbidden. */
    readVault: () => [...allow(["s3:GetObject"], [vault.arnForObjects(sealed)]), ...listBelow(vault, "v/*")],
  };
}

/** HEAD and GET bear no prefix, and may then be told that their key is missing; whoever lists with one is held to it. */
const listBelow = (bucket: Bucket, prefix: string, ...more: string[]) =>
  allow(["s3:ListBucket", ...more], [bucket.bucketArn], { StringLikeIfExists: { "s3:prefix": prefix } });

/**
 * No condition restrains this list to a prefix: IAM's service authorization reference (“Actions, resources, and condition keys for
 * Amazon S3”) has `s3:prefix` for `ListBucket` and `ListBucketVersions`, and none for `ListBucketMultipartUploads`. The bucket is
 * the bound, and staging holds `s/…` alone.
 */
const listUploads = (staging: Bucket) => allow(["s3:ListBucketMultipartUploads"], [staging.bucketArn]);

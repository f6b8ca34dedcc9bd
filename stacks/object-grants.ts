import { use } from "sst/constructs";
import { allow } from "./allow.ts";
import { storage } from "./storage.ts";

/** What may be done in staging and vault. HEAD of a missing key is 404 only for whoever may list. */
export function objectGrants() {
  const { staging, vault } = use(storage);
  return {
    /** What a presigned URL may do, its signer must be allowed. */
    signUploads: () => [
      ...allow(
        ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        [staging.arnForObjects("s/*")],
      ),
      ...allow(["s3:ListBucket"], [staging.bucketArn], { StringLike: { "s3:prefix": "s/*" } }),
    ],
    readStaging: () => [
      ...allow(["s3:GetObject"], [staging.arnForObjects("s/*")]),
      ...allow(["s3:ListBucket"], [staging.bucketArn], { StringLike: { "s3:prefix": "s/*" } }),
    ],
    collectStaging: () => [
      ...allow(
        ["s3:GetObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        [staging.arnForObjects("s/*")],
      ),
      ...allow(
        ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"],
        [staging.bucketArn],
      ),
    ],
    collectVault: () => [
      ...allow(["s3:DeleteObjectVersion"], [vault.arnForObjects("v/*")]),
      ...allow(["s3:ListBucket", "s3:ListBucketVersions"], [vault.bucketArn]),
    ],
    /** Writes, and reads back the sealed bytes to know that they arrived. */
    writeVault: () => [
      ...allow(["s3:PutObject", "s3:GetObject"], [vault.arnForObjects("v/*")]),
      ...allow(["s3:ListBucket"], [vault.bucketArn], { StringLike: { "s3:prefix": "v/*" } }),
    ],
    writeCheckpoints: () => [
      ...allow(["s3:PutObject", "s3:GetObject"], [vault.arnForObjects("v/checkpoints/*")]),
      ...allow(["s3:ListBucket"], [vault.bucketArn], { StringLike: { "s3:prefix": "v/checkpoints/*" } }),
    ],
    /** Kept for ever; the bucket's own policy lets nobody remove them. */
    writeTombstones: () => [
      ...allow(["s3:PutObject", "s3:GetObject"], [vault.arnForObjects("t/*")]),
      ...allow(["s3:ListBucket", "s3:ListBucketVersions"], [vault.bucketArn]),
    ],
    /** Whether an erasure has begun. */
    findTombstones: () => [
      ...allow(["s3:GetObject"], [vault.arnForObjects("t/*")]),
      ...allow(["s3:ListBucket"], [vault.bucketArn], { StringLike: { "s3:prefix": "t/*" } }),
    ],
    readVault: () => allow(["s3:GetObject"], [vault.arnForObjects("v/*")]),
    /** Restore from the archive, lock the winner, tag what is to be archived. */
    tendVault: () => [
      ...allow(
        [
          "s3:GetObject",
          "s3:PutObject",
          "s3:RestoreObject",
          "s3:PutObjectTagging",
          "s3:PutObjectRetention",
          "s3:PutObjectLegalHold",
        ],
        [vault.arnForObjects("v/*")],
      ),
      // Fixity: a missing object has to look missing.
      ...allow(["s3:ListBucket"], [vault.bucketArn], { StringLike: { "s3:prefix": "v/*" } }),
    ],
  };
}

import { AnyPrincipal, Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Bucket } from "aws-cdk-lib/aws-s3";

/**
 * Writes that a bucket refuses from anybody: old signature versions, signatures older than ten minutes, and a second write
 * of a key.
 */
export function closeBucket(bucket: Bucket): void {
  refuse(bucket, "DenyOldSignatureVersions", {
    StringNotEquals: { "s3:signatureversion": "AWS4-HMAC-SHA256" },
  });
  refuse(bucket, "DenyStaleSignatures", { NumericGreaterThan: { "s3:signatureAge": 600_000 } });
  refuse(bucket, "DenyOverwrite", {
    Null: { "s3:if-none-match": "true" },
    Bool: { "s3:ObjectCreationOperation": "true" },
  });
}

/**
 * S3 knows no condition on a signed Content-Length; whoever signs has to sign it (see core). Here the way around it is
 * closed: bodies in chunks, whose length no signature covers. For what phones write; workers stream into the vault so.
 */
export const refuseChunks = (bucket: Bucket): void =>
  refuse(bucket, "DenyUnsignedLength", { StringLike: { "s3:x-amz-content-sha256": "STREAMING-*" } });

/** Tombstones and checkpoints stay, whoever may remove other objects of their bucket. */
export const keepProofs = (bucket: Bucket): void =>
  void bucket.addToResourcePolicy(
    new PolicyStatement({
      sid: "DenyRemovalOfProofs",
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ["s3:DeleteObject", "s3:DeleteObjectVersion"],
      resources: ["t/*", "v/checkpoints/*"].map((keys) => bucket.arnForObjects(keys)),
    }),
  );

const refuse = (bucket: Bucket, sid: string, conditions: Record<string, Record<string, unknown>>): void =>
  void bucket.addToResourcePolicy(
    new PolicyStatement({
      sid,
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ["s3:PutObject"],
      resources: [bucket.arnForObjects("*")],
      conditions,
    }),
  );

import { type Found, idOf, nameOf, resourcesOf, type Rule, type Statement, statementsOf } from "./find.ts";
import type { Synthesis } from "./synthesize.ts";

const bucketPolicy = (synthesis: Synthesis, bucket: Found): Statement[] =>
  resourcesOf(synthesis, "AWS::S3::BucketPolicy").flatMap(({ stack, properties }) =>
    stack === bucket.stack && idOf(properties["Bucket"]) === bucket.id
      ? statementsOf(properties["PolicyDocument"])
      : [],
  );

/** No bucket lets the world in, by its settings or by its policy. */
export const noPublicBucket: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::S3::Bucket").flatMap((bucket) => {
    const blocked = Object.values((bucket.properties["PublicAccessBlockConfiguration"] ?? {}) as object);
    const open = bucketPolicy(synthesis, bucket).filter(
      ({ Effect, Principal }) => Effect === "Allow" && JSON.stringify(Principal).includes('"*"'),
    );
    return [
      ...(blocked.length === 4 && blocked.every((one) => one === true)
        ? []
        : [`${nameOf(bucket)} does not block public access`]),
      ...open.map(() => `${nameOf(bucket)} lets anybody in by its policy`),
    ];
  });

/** Nobody talks to a bucket in the clear. */
export const bucketsOverTlsOnly: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::S3::Bucket")
    .filter(
      (bucket) =>
        !bucketPolicy(synthesis, bucket).some(
          ({ Effect, Condition }) =>
            Effect === "Deny" && String(Condition?.["Bool"]?.["aws:SecureTransport"]) === "false",
        ),
    )
    .map((bucket) => `${nameOf(bucket)} can be reached without TLS`);

/** Staging and vault never overwrite; staging refuses what a signature does not cover, and the vault takes workers' streams. */
export const writesAreClosed: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::S3::Bucket")
    .filter(({ id }) => /^(Staging|Vault)/.test(id))
    .flatMap((bucket) => {
      const denied = bucketPolicy(synthesis, bucket).flatMap(({ Effect, Sid }) =>
        Effect === "Deny" && Sid ? [Sid] : [],
      );
      const wanted = ["DenyOldSignatureVersions", "DenyStaleSignatures", "DenyOverwrite"];
      if (bucket.id.startsWith("Staging")) wanted.push("DenyUnsignedLength");
      return [
        ...wanted.filter((sid) => !denied.includes(sid)).map((sid) => `${nameOf(bucket)} lacks ${sid}`),
        ...(bucket.id.startsWith("Vault") && denied.includes("DenyUnsignedLength")
          ? [`${nameOf(bucket)} refuses its own workers`]
          : []),
      ];
    });

/** A bucket never locks by default: losers of a race must stay deletable. */
export const noDefaultLock: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::S3::Bucket").flatMap((bucket) =>
    JSON.stringify(bucket.properties["ObjectLockConfiguration"] ?? {}).includes("DefaultRetention")
      ? [`${nameOf(bucket)} locks by default`]
      : [],
  );

/** Where data is protected, nobody removes a tombstone or a checkpoint. */
export const proofsStay: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::S3::Bucket")
    .filter(({ id }) => id.startsWith("Vault"))
    .filter(
      (bucket) =>
        !bucketPolicy(synthesis, bucket).some(
          ({ Effect, Sid, Resource }) =>
            Effect === "Deny" &&
            Sid === "DenyRemovalOfProofs" &&
            ["/t/*", "/v/checkpoints/*"].every((keys) => JSON.stringify(Resource).includes(keys)),
        ),
    )
    .map((bucket) => `${nameOf(bucket)} lets tombstones or checkpoints be removed`);

/** A bucket that keeps versions lets go of old ones one day: what a lifecycle deletes is only made such a version. */
export const oldVersionsGo: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::S3::Bucket")
    .filter(({ properties }) => JSON.stringify(properties["VersioningConfiguration"])?.includes("Enabled"))
    .filter(({ properties }) => {
      const { Rules = [] } = (properties["LifecycleConfiguration"] ?? {}) as { Rules?: Lifecycle[] };
      return !Rules.some(
        ({ Status, NoncurrentVersionExpiration }) => Status === "Enabled" && NoncurrentVersionExpiration,
      );
    })
    .map((bucket) => `${nameOf(bucket)} keeps old versions for ever`);
type Lifecycle = { Status: string; NoncurrentVersionExpiration?: unknown };

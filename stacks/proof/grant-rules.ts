import { isHelper, policiesOf } from "./access-rules.ts";
import { actionsOf, type Rule, type Statement } from "./find.ts";

/** A first write of this key would stand in the real checkpoint's way for ever. */
const checkpoint = "/v/checkpoints/000000000001";

/** The relay, which writes checkpoints, may put them; nobody else may, and nobody may remove one (but CDK, with a bucket to throw away). */
export const onlyRelayWritesCheckpoints: Rule = (synthesis) =>
  policiesOf(synthesis).flatMap(({ name, statements }) =>
    statements
      .filter(({ Effect, Resource }) => Effect === "Allow" && keysOf(Resource).some(reachesCheckpoint))
      .flatMap(actionsOf)
      .filter(
        (action) => action.startsWith("s3:Delete") || (action === "s3:PutObject" && !/relayrole/.test(name)),
      )
      .filter((action) => !isHelper(name, action))
      .map((action) => `${name} may ${action} on checkpoints`),
  );

/** The ends of what a statement names in a vault, such as `/v/*`. */
const keysOf = (resource: unknown): string[] =>
  [resource].flat().flatMap((one) => {
    const text = JSON.stringify(one ?? "");
    if (/^"(\*|arn:[^"]*\*)"$/.test(text)) return ["/v/*"]; // any bucket's, or what is not told from it
    return text.includes("Vault") ? [/"(\/[^"]*)"\]\]/.exec(text)?.[1] ?? ""] : [];
  });

/** As IAM reads a pattern: `*` is any number of characters, a slash too, and `?` is one. */
const reachesCheckpoint = (pattern: string): boolean =>
  new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(checkpoint);

/** What an opener does, each under its condition: enters the database, reads back what is sealed, opens its key. */
const openerMay: Record<string, string> = {
  "rds-db:connect": "",
  "s3:GetObject": "",
  "s3:ListBucket": "StringLikeIfExists s3:prefix",
  "kms:Decrypt": "StringEquals kms:EncryptionContext:app",
};

/** An opener holds no grant that its code does not use, and opens under our encryption context alone. */
export const openersOnlyOpen: Rule = (synthesis) =>
  policiesOf(synthesis)
    .filter(({ name }) => /openerrole/.test(name))
    .flatMap(({ name, statements }) =>
      statements.flatMap((statement) =>
        actionsOf(statement)
          .filter((action) => openerMay[action] !== conditionOf(statement))
          .map((action) => `${name} may ${action}`),
      ),
    );

const conditionOf = ({ Condition = {} }: Statement): string =>
  Object.entries(Condition)
    .map(([operator, keys]) => [operator, ...Object.keys(keys)].join(" "))
    .join(", ");

/** S3 tells that a key is missing only to whoever may list; to others a lost document looks like a passing refusal. */
export const whoReadsSeesWhatIsMissing: Rule = (synthesis) =>
  policiesOf(synthesis).flatMap(({ name, statements }) => {
    const bucketsOf = (action: string) =>
      statements
        .filter((one) => one.Effect === "Allow" && actionsOf(one).includes(action))
        .flatMap(({ Resource }) => [
          ...JSON.stringify(Resource ?? "").matchAll(/-storage:\w*?(Vault|Staging)/g),
        ])
        .map(([, bucket]) => bucket!);
    const listed = new Set(bucketsOf("s3:ListBucket"));
    const blind = new Set(bucketsOf("s3:GetObject").filter((bucket) => !listed.has(bucket)));
    return [...blind].map((bucket) => `${name} reads in ${bucket} and does not see what is missing`);
  });

/** Whose code looks for open uploads: to sign what is missing of one, or to throw it away. */
const listsUploads = /acceptUpload|editDocument|signUploads|eraseDocument|Reconcile|Sweep/;

/** Conditions under which each list may be granted; IAM knows none for the last that would hold it to a prefix. */
const heldBy: Record<string, string> = {
  "s3:ListBucket": "StringLikeIfExists s3:prefix",
  "s3:ListBucketVersions": "StringLikeIfExists s3:prefix",
  "s3:ListBucketMultipartUploads": "",
};

/**
 * Lists of staging and vault are held to a prefix. Open uploads, whose list nothing holds, are listed in staging alone, by whoever
 * looks for them: who only receives what arrived has no use for the names of what did not. A condition that holds nothing is
 * refused as well: its reader would rely on it.
 */
export const listsAreHeld: Rule = (synthesis) =>
  policiesOf(synthesis).flatMap(({ name, statements }) =>
    statements
      .filter(
        ({ Effect, Resource }) =>
          Effect === "Allow" && /-storage:\w*?(Vault|Staging)/.test(JSON.stringify(Resource ?? "")),
      )
      .flatMap((statement) => actionsOf(statement).map((action) => ({ action, statement })))
      .filter(({ action }) => action.startsWith("s3:ListBucket"))
      .filter(
        ({ action, statement }) =>
          conditionOf(statement) !== heldBy[action] ||
          (action === "s3:ListBucketMultipartUploads" &&
            (!listsUploads.test(name) || JSON.stringify(statement.Resource).includes("Vault"))),
      )
      .map(({ action }) => `${name} may ${action}`),
  );

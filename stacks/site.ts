import type { Stage } from "./stage.ts";

/** What only the company that deploys knows. Null or empty: that part is left out. */
export type Site = {
  /** Public zone that the names hang under, such as `documents.example.com`, with its Route 53 id. */
  domain: { name: string; zoneId: string } | null;
  /** An OpenID Connect issuer (RSA keys) in place of Cognito. */
  issuer: { url: string; audience: string } | null;
  /** `owner/name` on GitHub that may deploy. */
  repository: string | null;
  /** Who hears the alarms and the budget. */
  alarmEmail: string | null;
  region: string;
  /** How a region answers for a cell: as the one that writes, as the one that takes over, or as the nearest. */
  routing: "primary" | "secondary" | "latency";
  /** Where backups and replicas go; null: nowhere. */
  recoveryRegion: string | null;
  /** Certificate and web ACL of CloudFront, which live in us-east-1; made here when the region is that one. */
  edge: { certificateArn: string | null; webAclArn: string } | null;
};

const empty: Site = {
  domain: null,
  issuer: null,
  repository: null,
  alarmEmail: null,
  region: "us-east-1",
  routing: "primary",
  recoveryRegion: "us-west-2",
  edge: null,
};

/**
 * Throws for a stage that others rely on when `STRONGROOM_SITE` is not set: deployed without it, names, sign-in, Argo CD and
 * alarm mail would be taken from it in silence. `{}` says that all of it is meant.
 */
export function requireSite(
  { name, base }: Pick<Stage, "name" | "base">,
  given = process.env["STRONGROOM_SITE"],
): void {
  if (base !== "own" || given !== undefined) return;
  throw new Error(
    `STRONGROOM_SITE is not set: ${name} would lose its names, its sign-in and its alarm mail. Set it as at the last deploy (docs/deploy.md).`,
  );
}

/** The site as `STRONGROOM_SITE` (JSON) gives it, over the values above; an unknown name in it throws. */
export function readSite(given = process.env["STRONGROOM_SITE"]): Site {
  const values = JSON.parse(given ?? "{}") as Partial<Site>;
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(empty, name)) throw new Error(`STRONGROOM_SITE: there is no value named ${name}`);
  }
  return { ...empty, ...values };
}

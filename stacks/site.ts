import { type ClaimNames, readClaimNames } from "@strongroom/core/claim-names";
import type { Stage } from "./stage.ts";

/** What only the company that deploys knows. Null or empty: that part is left out. */
export type Site = {
  /** Public zone that the names hang under, such as `documents.example.com`, with its Route 53 id. */
  domain: { name: string; zoneId: string } | null;
  /** An OpenID Connect issuer (RSA keys) in place of Cognito, and the claims of its tokens that name person and tenant. */
  issuer: { url: string; audience: string; claims: ClaimNames } | null;
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

/** The site as `STRONGROOM_SITE` (JSON) gives it, over the values above; a name that is unknown in it, or no claim's, throws. */
export function readSite(given = process.env["STRONGROOM_SITE"]): Site {
  const values = JSON.parse(given ?? "{}") as Partial<Site>;
  refuseUnknown(values, Object.keys(empty));
  return { ...empty, ...values, issuer: values.issuer ? readIssuer(values.issuer) : null };
}

/**
 * Told before anything is deployed: a function that cannot read its configuration answers nobody, and an issuer that cannot be
 * reached lets nobody in.
 */
function readIssuer(given: object): Site["issuer"] {
  refuseUnknown(given, ["url", "audience", "claims"], "issuer.");
  const { url, audience, claims = {} } = given as Record<string, unknown>;
  return {
    url: requireText("issuer.url", url, isIssuer, "no https URL of an issuer: host and path alone"),
    audience: requireText(
      "issuer.audience",
      audience,
      isAudience,
      "no audience: one text of ASCII characters, blanks inside alone",
    ),
    claims: readClaims(claims),
  };
}

/**
 * `iss` as OpenID Connect Discovery has it: https, with neither query nor fragment. The path to the discovery document is no part
 * of it. Its host becomes a source in the console's content security policy, which a blank or `;` would end.
 */
const isIssuer = (text: string): boolean =>
  /^https:\/\/[a-z0-9.-]+(:\d+)?(\/[\w.~!$&()*+=:@%-]+)*\/?$/i.test(text) &&
  URL.canParse(text) &&
  !text.includes("/.well-known");

/** Letter for letter the `aud` of its tokens: a blank before or after it is a slip. */
const isAudience = (text: string): boolean => /^[!-~]([ -~]*[!-~])?$/.test(text);

function requireText(
  name: string,
  given: unknown,
  isSound: (text: string) => boolean,
  wrong: string,
): string {
  if (typeof given === "string" && isSound(given)) return given;
  throw new Error(`STRONGROOM_SITE: ${name}: ${JSON.stringify(given)} is ${wrong}`);
}

function readClaims(given: unknown): ClaimNames {
  try {
    return readClaimNames(given);
  } catch (error) {
    throw new Error(`STRONGROOM_SITE: issuer.claims: ${(error as Error).message}`, { cause: error });
  }
}

function refuseUnknown(values: object, known: readonly string[], below = ""): void {
  const unknown = Object.keys(values).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`STRONGROOM_SITE: there is no value named ${below}${unknown}`);
}

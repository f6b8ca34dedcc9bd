import type { ClaimNames } from "@strongroom/core/claim-names";
import type { Config } from "@strongroom/core/config";
import { Refusal } from "@strongroom/core/errors";
import { TenantId, UserId } from "@strongroom/core/ids";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Actor, Role } from "@strongroom/core/user/user";
import { errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from "jose";
import * as z from "zod";
import { issuerKeys } from "./issuer-keys.ts";
import { Outage } from "./problem.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

/** Asymmetric only, so that a public key can never be taken for a shared secret. ES256: ours; RS256: Cognito and most others. */
export const algorithms = ["ES256", "RS256"];
const clockToleranceSeconds = 60;

/** Numbers are finite here: `1e999` would be an end that never comes. */
const Claims = z.object({ user: UserId, tenant: TenantId, iat: z.number(), exp: z.number() });

/** Who a token says is calling; whether we know them is for the user table to say. */
export type Caller = { tenantId: TenantId; userId: UserId };

/**
 * The caller named by `Authorization: Bearer …`. Throws a Refusal with 401 for a token that is missing or bad in any way,
 * an Outage when the issuer's keys cannot be had. Demands signature, `iss`, `aud`, `exp`, `iat`, a UUID each in the
 * claims that the configuration names for person and tenant, that it was issued by now, and that the token is an access token (see `isAccessToken`).
 */
export async function verifyCaller(
  { config, clock, log }: Pick<Ports, "config" | "clock" | "log">,
  authorization: string | undefined,
): Promise<Caller> {
  const token = bearerOf(authorization);
  const { keys, verified } = issuerOf(config.auth);
  const nowMs = clock.now().getTime();
  const known = verified.find(token, nowMs);
  if (known) return known;
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms,
      issuer: config.auth.issuer,
      audience: config.auth.audience,
      requiredClaims: ["exp", "iat"],
      clockTolerance: clockToleranceSeconds,
      currentDate: clock.now(),
    });
    if (!isAccessToken(protectedHeader.typ, payload)) throw new errors.JWTInvalid("not an access token");
    const { user, tenant, iat, exp } = Claims.parse(claimsOf(payload, config.auth.claims));
    if (iat > nowMs / 1_000 + clockToleranceSeconds) throw new errors.JWTInvalid("issued in the future");
    const caller = { tenantId: tenant, userId: user };
    verified.add(token, caller, { nowMs, expiresAtMs: exp * 1_000 });
    return caller;
  } catch (error) {
    if (error instanceof Outage) throw error;
    log.info("token.refused", { reason: error instanceof errors.JOSEError ? error.code : "claims" });
    throw invalidToken();
  }
}

/** Throws a Refusal with 403 unless the person's role is among those of the route. */
export function checkRole({ role }: Pick<Actor, "role">, allowed: readonly Role[]): void {
  if (allowed.includes(role)) return;
  throw new Refusal("not_allowed", `A person with the role ${role} may not do this.`, { status: 403 });
}

/**
 * An issuer signs more than access tokens with one key. RFC 9068 says `at+jwt`, and that settles it. Cognito says no type
 * but `token_use: access`. Others say plain `JWT`, for ID tokens too: those bear a nonce or a hash of the access token.
 */
function isAccessToken(typ: string | undefined, payload: JWTPayload): boolean {
  const type = typ?.toLowerCase().replace(/^application\//, "");
  if (type === "at+jwt") return true;
  if (type !== undefined && type !== "jwt") return false;
  if (payload["token_use"] !== undefined || type === undefined) return payload["token_use"] === "access";
  return payload["nonce"] === undefined && payload["at_hash"] === undefined;
}

/** Only what a token bears itself counts, never what every object inherits. */
function claimsOf(payload: JWTPayload, { user, tenant }: ClaimNames): Record<string, unknown> {
  const own = (name: string) => (Object.hasOwn(payload, name) ? payload[name] : undefined);
  return { user: own(user), tenant: own(tenant), iat: own("iat"), exp: own("exp") };
}

function bearerOf(authorization: string | undefined): string {
  if (authorization === undefined) {
    throw new Refusal("token_missing", "Sign in: this needs an access token in the Authorization header.", {
      status: 401,
    });
  }
  const token = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw invalidToken();
  return token;
}

function invalidToken(): Refusal {
  return new Refusal("token_invalid", "This access token is not valid, or not any more. Sign in again.", {
    status: 401,
  });
}

type Issuer = { keys: JWTVerifyGetKey; verified: VerifiedTokens };
/** One for each configuration and process, made at the first token: who a token was found to name depends on all of it. */
const issuers = new Map<string, Issuer>();

function issuerOf({ issuer, audience, claims }: Config["auth"]): Issuer {
  const name = JSON.stringify([issuer, audience, claims.user, claims.tenant]);
  const known = issuers.get(name);
  if (known) return known;
  const made = { keys: issuerKeys(issuer), verified: new VerifiedTokens() };
  issuers.set(name, made);
  return made;
}

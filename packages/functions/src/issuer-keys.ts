import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from "jose";
import * as z from "zod";
import { Outage } from "./problem.ts";

/** What is fetched is waited for so long. */
const patienceMs = 1_500;
/** Keys are fetched anew after ten minutes, and for an unknown key id at most every 30 seconds. */
const keyCache = { cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: patienceMs };

/** What we read of an OpenID Connect discovery document. */
const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

/**
 * The keys of a token issuer, fetched when the first token asks. Where they lie is read once, from its discovery document;
 * of an issuer without one (404) they are `/.well-known/jwks.json`. An Outage when they cannot be had, or lie where nobody
 * can be trusted; throws at once for such an issuer.
 */
export function issuerKeys(issuer: string): JWTVerifyGetKey {
  const base = trusted(issuer).replace(/\/$/, "");
  let finding: Promise<JWTVerifyGetKey> | null = null;
  return async (header, token) => {
    try {
      finding ??= findKeys(issuer, base);
      return await (
        await finding
      )(header, token);
    } catch (error) {
      if (isCallers(error)) throw error;
      finding = null; // the next token asks anew, also where they lie: that may have been wrong, or have changed
      throw new Outage("the keys of the token issuer cannot be had", { cause: error });
    }
  };
}

/** A token that no key fits is the caller's fault; keys that cannot be had are ours. */
const isCallers = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;

async function findKeys(issuer: string, base: string): Promise<JWTVerifyGetKey> {
  const url = (await discover(issuer, base)) ?? `${base}/.well-known/jwks.json`;
  return createRemoteJWKSet(new URL(trusted(url)), keyCache);
}

/** Where the issuer itself says that its keys are; null when it says nothing. */
async function discover(issuer: string, base: string): Promise<string | null> {
  const answer = await fetch(`${base}/.well-known/openid-configuration`, {
    redirect: "error",
    signal: AbortSignal.timeout(patienceMs),
  });
  if (answer.status === 404) return (await answer.body?.cancel(), null);
  if (answer.status !== 200) throw new Error(`the discovery document: status ${answer.status}`);
  const found = Discovery.parse(await answer.json());
  if (found.issuer !== issuer) throw new Error("the discovery document is another issuer's");
  return found.jwks_uri;
}

/** Keys that came over plain HTTP could be anybody's; only on this machine are they not. */
function trusted(text: string): string {
  const url = new URL(text);
  if (url.protocol === "https:" || ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname)) return text;
  throw new Error(`the token issuer must be reached over https: ${url.origin}`);
}

import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { type ClaimNames, defaultClaims } from "@strongroom/core/claim-names";
import { createSecret, readSecret } from "@strongroom/core/embedded/key-file";
import type { TenantId, UserId } from "@strongroom/core/ids";
import type { Role } from "@strongroom/core/user/user";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import type { Mount } from "./http.ts";

/** Who a token is for. `role` is only told to the client: what a person may do stands in the user table. */
export type TokenRequest = { tenantId: TenantId; userId: UserId; role?: Role; hours: number };

/** A token issuer of this installation, for whoever has no identity provider. */
export type Issuer = {
  /** The `iss` of its tokens. */
  issuer: string;
  /** Serves discovery document and keys below the path of `issuer`. */
  mount: Mount;
  /** An access token as RFC 9068 wants it (`at+jwt`, ES256). */
  issueToken(request: TokenRequest): Promise<string>;
};

type Options = { dataDirectory: string; issuer: string; audience: string; claims?: ClaimNames };

/**
 * Opens the issuer whose key lies in `<dataDirectory>/issuer-key.json` (0600) and makes the key at first. Whoever has that
 * file can be anybody here. `issuer` is its URL as clients and the API see it, without a trailing slash;
 * `claims` say where its tokens name person and tenant, so that they are read as those of another issuer would be.
 */
export async function openIssuer(options: Options): Promise<Issuer> {
  const { dataDirectory, issuer, audience, claims = defaultClaims } = options;
  const secret = await readOrMakeKey(dataDirectory);
  const key = await importJWK(secret, "ES256");
  const kid = await calculateJwkThumbprint(secret);
  return {
    issuer,
    mount: { prefix: `${new URL(issuer).pathname}/`, handle: serve(issuer, publicPart(secret, kid)) },
    issueToken: ({ tenantId, userId, role, hours }) =>
      new SignJWT({
        sub: userId, // RFC 9068 demands one, whoever reads it
        ...(role && { role }),
        [claims.user]: userId,
        [claims.tenant]: tenantId,
      })
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(randomBytes(16).toString("base64url"))
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1_000 + hours * 3_600))
        .sign(key),
  };
}

function publicPart({ kty, crv, x, y }: JWK, kid: string): JWK {
  return { kty, crv, x, y, kid, alg: "ES256", use: "sig" } as JWK;
}

function serve(issuer: string, key: JWK): Mount["handle"] {
  const base = new URL(issuer).pathname;
  const documents: Record<string, string> = {
    [`${base}/.well-known/openid-configuration`]: JSON.stringify({
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      id_token_signing_alg_values_supported: ["ES256"],
      response_types_supported: [],
      subject_types_supported: ["public"],
    }),
    [`${base}/.well-known/jwks.json`]: JSON.stringify({ keys: [key] }),
  };
  return (request: IncomingMessage, response: ServerResponse) => {
    const document = documents[request.url!.split("?")[0]!];
    const isGet = request.method === "GET";
    const status = document === undefined ? 404 : isGet ? 200 : 405;
    response.writeHead(status, {
      "content-type": "application/json",
      "cache-control": "public, max-age=300",
    });
    response.end(status === 200 ? document : "{}");
  };
}

async function readOrMakeKey(dataDirectory: string): Promise<JWK> {
  const path = join(dataDirectory, "issuer-key.json");
  const found = await readSecret(path);
  if (found !== null) return JSON.parse(found) as JWK;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  await createSecret(path, JSON.stringify(await exportJWK(privateKey)));
  // Somebody else may have started at the same moment and been first: then that key is ours.
  return JSON.parse((await readSecret(path))!) as JWK;
}

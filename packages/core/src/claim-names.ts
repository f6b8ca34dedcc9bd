import * as z from "zod";

/** The claims under which an access token names the person and the tenant; each holds one UUID. */
export type ClaimNames = { user: string; tenant: string };

/** What our own issuer and the Cognito of `stacks` write. */
export const defaultClaims = { user: "sub", tenant: "tenant" } as const satisfies ClaimNames;

/** They tell of the token and not of who bears it: a client chooses its nonce, and every token has an id of its own. */
const ofTheToken = ["iss", "aud", "exp", "nbf", "iat", "jti", "nonce"];
const inherited = ["prototype", ...Object.getOwnPropertyNames(Object.prototype)];
const taken = new Set([...ofTheToken, ...inherited]);

const error = `no name of a claim for this: it takes 1 to 128 visible ASCII characters, and neither ${ofTheToken.join(", ")} nor a name that every object has`;

/** Name of a claim, whole: dots and slashes in it (`https://example.com/tenant`) lead nowhere. */
export const ClaimName = z
  .string({ error })
  .regex(/^[!-~]{1,128}$/, { error })
  .refine((name) => !taken.has(name), { error });

/** Why these two cannot go together, told of the one that was not left as it is by default; null: they can. */
export function sameClaim({ user, tenant }: ClaimNames): { of: keyof ClaimNames; message: string } | null {
  if (user !== tenant) return null;
  const of = user === defaultClaims.user ? "tenant" : "user";
  return { of, message: "one claim for both person and tenant" };
}

const Both = z
  .strictObject({
    user: ClaimName.default(defaultClaims.user),
    tenant: ClaimName.default(defaultClaims.tenant),
  })
  .superRefine((names, context) => {
    const same = sameClaim(names);
    if (same) context.addIssue({ code: "custom", path: [same.of], message: same.message });
  });

/** Both names, of which either may be left out; throws an Error that says which of them is wrong, and why. */
export function readClaimNames(given: unknown): ClaimNames {
  const { data, error: wrong } = Both.safeParse(given);
  if (wrong) throw new Error(z.prettifyError(wrong));
  return data;
}

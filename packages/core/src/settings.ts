import * as z from "zod";
import { ClaimName, defaultClaims, sameClaim } from "./claim-names.ts";
import { Refusal } from "./errors.ts";

const wholeFrom = (min: number, max = Number.MAX_SAFE_INTEGER) => {
  const error = `no whole number from ${min} ${max === Number.MAX_SAFE_INTEGER ? "up" : `to ${max}`}`;
  return z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};
const positive = z.coerce.number({ error: "no number above 0" }).positive({ error: "no number above 0" });

/** What an operator may choose; none of it is secret, and all of it has a default. */
export const Settings = z.object({
  STRONGROOM_TIME_DIVISOR: positive.default(1),
  STRONGROOM_JOBS: wholeFrom(1, 64).default(2),
  STRONGROOM_MAX_RETRIES: wholeFrom(1).default(16),
  STRONGROOM_BACKUP_DAYS: wholeFrom(0, 36_500).default(35),
});

/** The same, apart: so that both are held against each other also when another setting is wrong, and all is told at once. */
export const ClaimSettings = z
  .object({
    STRONGROOM_USER_CLAIM: ClaimName.default(defaultClaims.user),
    STRONGROOM_TENANT_CLAIM: ClaimName.default(defaultClaims.tenant),
  })
  .superRefine(({ STRONGROOM_USER_CLAIM: user, STRONGROOM_TENANT_CLAIM: tenant }, context) => {
    const same = sameClaim({ user, tenant });
    if (same === null) return;
    const path = [same.of === "user" ? "STRONGROOM_USER_CLAIM" : "STRONGROOM_TENANT_CLAIM"];
    context.addIssue({ code: "custom", path, message: same.message });
  });

/** Refuses settings that `readConfig` would, before the rest of the environment is known: a sentence for each. */
export function checkSettings(environment: Record<string, string | undefined>): void {
  const { error } = z.intersection(Settings, ClaimSettings).safeParse(environment);
  if (!error) return;
  const wrong = new Map(error.issues.map(({ path, message }) => [String(path[0]), message]));
  const sentences = [...wrong].map(([name, what]) => `${name} is ${environment[name]}, and that is ${what}.`);
  throw new Refusal("configuration_invalid", sentences.join("\n"));
}

import type { ClaimNames } from "@strongroom/core/claim-names";
import { type Found, nameOf, plain, resourcesOf, type Rule } from "./find.ts";
import type { Synthesis } from "./synthesize.ts";

/** Functions that have a configuration. */
const configured = (synthesis: Synthesis): { found: Found; variables: Record<string, unknown> }[] =>
  resourcesOf(synthesis, "AWS::Lambda::Function").flatMap((found) => {
    const { Variables: variables = {} } = (found.properties["Environment"] ?? {}) as {
      Variables?: Record<string, unknown>;
    };
    return "STRONGROOM_CELL" in variables ? [{ found, variables }] : [];
  });

/** What the functions of a stack are given, with a stand-in for every value that only a deploy knows. */
export const environmentsOf = (synthesis: Synthesis, stack: string): Record<string, string>[] =>
  configured(synthesis).flatMap(({ found, variables }) => {
    if (found.stack !== stack) return [];
    const known = Object.entries(variables).map(([variable, value]) => [variable, standIn(variable, value)]);
    return [{ ...Object.fromEntries(known), AWS_REGION: "us-east-1" }];
  });

function standIn(variable: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (/_(KEY|SECRET)$/.test(variable)) return "0".repeat(64);
  if (variable.endsWith("PORT")) return "5432";
  return /_URL|ISSUER/.test(variable) ? "https://example.com" : "example";
}

/** Functions and workers all read person and tenant from these claims: one that did not would let nobody in, or others. */
export const claimsAreRead =
  ({ user, tenant }: ClaimNames): Rule =>
  (synthesis) => {
    const expected = { STRONGROOM_USER_CLAIM: user, STRONGROOM_TENANT_CLAIM: tenant };
    const workers = resourcesOf(synthesis, "AWS::SSM::Parameter")
      .filter(({ properties }) => String(properties["Name"]).endsWith("/environment"))
      .map((found) => ({
        found,
        variables: JSON.parse(String(plain(found.properties["Value"]))) as Record<string, unknown>,
      }));
    return [...configured(synthesis), ...workers].flatMap(({ found, variables }) =>
      Object.entries(expected).flatMap(([name, claim]) =>
        variables[name] === claim ? [] : [`${nameOf(found)}: ${name} is ${JSON.stringify(variables[name])}`],
      ),
    );
  };

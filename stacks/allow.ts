import { PolicyStatement } from "aws-cdk-lib/aws-iam";

/** One statement of what is allowed, in a list, as policies take them. */
export const allow = (
  actions: string[],
  resources: string[],
  conditions: Record<string, unknown> = {},
): PolicyStatement[] => [new PolicyStatement({ actions, resources, conditions })];

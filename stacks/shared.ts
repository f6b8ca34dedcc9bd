import { StringParameter } from "aws-cdk-lib/aws-ssm";
import type { Construct } from "constructs";
import { currentStage } from "./settings.ts";

const path = (name: string) => `/strongroom/dev/shared/${name}`;

/** What `dev` lends to the stages of pull requests: its network, database, stream and cluster, by name. Other stages lend nothing. */
export function lend(scope: Construct, values: Record<string, string>): void {
  if (currentStage(scope).name !== "dev") return;
  for (const [name, value] of Object.entries(values)) {
    new StringParameter(scope, `Lent-${name}`, { parameterName: path(name), stringValue: value });
  }
}

/** What `dev` lends, read by CloudFormation when the borrowing stack is deployed. */
export const borrow =
  (scope: Construct) =>
  (name: string): string =>
    StringParameter.valueForStringParameter(scope, path(name));

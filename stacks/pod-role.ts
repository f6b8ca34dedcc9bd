import { type PolicyStatement, Role, ServicePrincipal, SessionTagsPrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";

/** A role that EKS gives to pods of one service account (Pod Identity), with these statements and no others. */
export function podRole(
  scope: Construct,
  id: string,
  statements: readonly PolicyStatement[],
  roleName?: string,
): Role {
  const role = new Role(scope, `${id}-role`, {
    assumedBy: new SessionTagsPrincipal(new ServicePrincipal("pods.eks.amazonaws.com")),
    ...(roleName && { roleName }),
  });
  for (const statement of statements) role.addToPolicy(statement);
  return role;
}

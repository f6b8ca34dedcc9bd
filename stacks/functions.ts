import { SubnetType } from "aws-cdk-lib/aws-ec2";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { type FunctionProps, use } from "sst/constructs";
import { longestBackupDays } from "./backup-days.ts";
import { environmentOf, variables } from "./environment.ts";
import { type Grant, statementsOf } from "./grants.ts";
import { network } from "./network.ts";
import { currentStage, isLive } from "./settings.ts";
import type { CellName } from "./stage.ts";

/** What sets one function apart from all others. */
export type FunctionPlan = {
  /** `packages/functions/src/<folder>/<file>.handler` */
  handler: string;
  grants: readonly Grant[];
  timeoutSeconds: number;
  environment?: Record<string, string>;
  logGroup: LogGroup;
};

/**
 * Properties of a function of a cell. On the developer's machine (live debugging) there is no network to be in: a function
 * in private subnets reaches the bridge only through a NAT gateway.
 */
export function functionProps(scope: Construct, cell: CellName, plan: FunctionPlan): FunctionProps {
  const net = isLive(scope) ? null : use(network);
  return {
    handler: plan.handler,
    timeout: plan.timeoutSeconds,
    logGroup: plan.logGroup,
    environment: {
      ...environmentOf(cell, "function"),
      [variables.backupDays]: String(longestBackupDays(currentStage(scope))),
      ...(net && trustAurora),
      ...plan.environment,
    },
    permissions: statementsOf(scope, { cell, who: "function" }, plan.grants),
    ...(net && {
      vpc: net.vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [net.members],
    }),
  };
}

/** Aurora's certificate is signed by an authority that Lambda carries, and Node.js trusts only when told to. */
const trustAurora = { NODE_EXTRA_CA_CERTS: "/var/runtime/ca-cert.pem" };

/** `acceptUpload` lies in `accept-upload.ts`. */
export const fileOf = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

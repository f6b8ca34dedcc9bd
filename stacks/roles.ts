import { Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";

/** Name of a role that another stack's policy has to name before it exists; roles know no regions, so their names do. */
export const roleName = (
  scope: Construct,
  part: string,
  cell: CellName,
  region = Stack.of(scope).region,
): string => `${currentStage(scope).name}-strongroom-${part}-${cell}-${region}`;

/** The only roles that may open what is stored, of a stage in one region. */
export const openerRoles = (scope: Construct, region = Stack.of(scope).region): string[] =>
  (["even", "odd"] as const).flatMap((cell) => [
    roleName(scope, "reader", cell, region),
    roleName(scope, "opener", cell, region),
  ]);

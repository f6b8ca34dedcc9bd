import { Key } from "aws-cdk-lib/aws-kms";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import { keys } from "./keys.ts";
import { countEvents } from "./log-metrics.ts";
import { dataRemoval, logRetention } from "./retention.ts";
import { currentStage } from "./settings.ts";

/** One log group for all functions of a kind in a cell: each line says which route it is of, and its events are counted. */
export function functionLogs(scope: Construct, id: string): LogGroup {
  const stage = currentStage(scope);
  const logs = new LogGroup(scope, id, {
    retention: logRetention(stage),
    removalPolicy: dataRemoval(stage),
    encryptionKey: Key.fromKeyArn(scope, `${id}Key`, use(keys).restKeyArn),
  });
  countEvents(logs);
  return logs;
}

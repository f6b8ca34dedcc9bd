import { Key } from "aws-cdk-lib/aws-kms";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import { keys } from "./keys.ts";
import { countErrors, countEvents } from "./log-metrics.ts";
import { dataRemoval, logRetention } from "./retention.ts";
import { currentStage } from "./settings.ts";

/** One log group for all functions of a kind in a cell: each line says which route it is of, and its events are counted. */
export function functionLogs(scope: Construct, id: string): LogGroup {
  const logs = keptLogs(scope, id);
  countEvents(logs);
  return logs;
}

/** The log group of a cell's workers: the same events are counted, and every line at level `error`. */
export function workerLogs(scope: Construct, id: string, name: string): LogGroup {
  const logs = keptLogs(scope, id, name);
  countEvents(logs);
  countErrors(logs);
  return logs;
}

/** A log group under our key, which forgets; its name is CloudFormation's, if none is given. */
export function keptLogs(scope: Construct, id: string, logGroupName?: string): LogGroup {
  const stage = currentStage(scope);
  return new LogGroup(scope, id, {
    ...(logGroupName && { logGroupName }),
    retention: logRetention(stage),
    removalPolicy: dataRemoval(stage),
    encryptionKey: Key.fromKeyArn(scope, `${id}Key`, use(keys).restKeyArn),
  });
}

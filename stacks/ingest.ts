import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { Duration } from "aws-cdk-lib/core";
import { Function, type StackContext, use } from "sst/constructs";
import { api } from "./api.ts";
import { variables } from "./environment.ts";
import { functionLogs } from "./logs.ts";
import { functionProps } from "./functions.ts";
import { queues } from "./queues.ts";
import { cellScope, currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";
import { ingestTimeoutSeconds } from "./timeouts.ts";

/** Per cell: new object → queue → function, ten at a time; only what failed comes again (partial batch response). */
export function ingest({ stack }: StackContext) {
  const byCell = new Map(currentStage(stack).cells.map((cell) => [cell, createIngest(stack, cell)]));
  for (const [cell, made] of byCell)
    stack.addOutputs({ [cell === "even" ? "IngestEven" : "IngestOdd"]: made.functionName });
  return (cell: CellName): Function => byCell.get(cell)!;
}

function createIngest(stack: StackContext["stack"], cell: CellName): Function {
  const scope = cellScope(stack, cell);
  const made = new Function(
    scope,
    `Ingest-${cell}`,
    functionProps(scope, cell, {
      handler: "packages/functions/src/ingest/ingest-upload.handler",
      grants: ["enterDatabase", "receiveUploads", "ring"],
      timeoutSeconds: ingestTimeoutSeconds,
      logGroup: functionLogs(scope, "IngestLogs"),
      environment: { [variables.publicUrl]: use(api).url },
    }),
  );
  made.addEventSource(
    new SqsEventSource(use(queues)(cell).ingest.queue, {
      batchSize: 10,
      maxBatchingWindow: Duration.seconds(1), // `periods.gather`
      reportBatchItemFailures: true,
      maxConcurrency: 50,
    }),
  );
  return made;
}

import { ManagedPolicy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Function, type StackContext, use } from "sst/constructs";
import { variables } from "./environment.ts";
import { functionLogs } from "./logs.ts";
import { functionProps } from "./functions.ts";
import { keys } from "./keys.ts";
import { network } from "./network.ts";
import { roleName } from "./roles.ts";
import { cellScope, currentStage, isLive } from "./settings.ts";
import type { CellName } from "./stage.ts";
import { readerTimeoutSeconds } from "./timeouts.ts";

/**
 * Per cell, the one function that opens what is stored. A function URL streams where an HTTP API would hold 10 MB back; it
 * takes only what CloudFront signed. The role has a name, because the key's policy names it.
 */
export function reader({ stack }: StackContext) {
  const byCell = new Map(currentStage(stack).cells.map((cell) => [cell, createReader(stack, cell)]));
  return (cell: CellName): Function => byCell.get(cell)!;
}

function createReader(stack: StackContext["stack"], cell: CellName): Function {
  const scope = cellScope(stack, cell);
  const role = new Role(scope, "ReaderRole", {
    roleName: roleName(scope, "reader", cell),
    assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    managedPolicies: [
      "AWSLambdaBasicExecutionRole",
      ...(use(network) && !isLive(stack) ? ["AWSLambdaVPCAccessExecutionRole"] : []),
    ].map((name) => ManagedPolicy.fromAwsManagedPolicyName(`service-role/${name}`)),
  });
  return new Function(scope, `Reader-${cell}`, {
    ...functionProps(scope, cell, {
      handler: "packages/functions/src/reader/read-document.handler",
      grants: ["enterDatabase", "readVault", "openDataKey"],
      timeoutSeconds: readerTimeoutSeconds,
      logGroup: functionLogs(scope, "ReaderLogs"),
      // It makes no URLs; the API, which does, is made after it, because CloudFront's name depends on the reader's.
      environment: {
        [variables.publicUrl]: "https://reader.invalid",
        [variables.ticketKey]: use(keys).ticketKey,
        [variables.originSecret]: use(keys).originSecrets.join(","),
      },
    }),
    role,
    // Whoever reads slowly holds a call for 300 s: without a bound, one person's open downloads would be all calls that the
    // account has, and API and ingest had none. So they leave 600 of its 1,000 in production, both cells at their bound.
    reservedConcurrentExecutions: currentStage(scope).readsAtOnce,
    memorySize: 1_769, // one whole core: it decrypts
    url: { authorizer: "iam", streaming: true, cors: false },
  });
}

import { RuleTargetInput } from "aws-cdk-lib/aws-events";
import { Cron, type StackContext, use } from "sst/constructs";
import { api } from "./api.ts";
import { variables } from "./environment.ts";
import { functionLogs, functionProps } from "./functions.ts";
import { keys } from "./keys.ts";
import { cellScope, currentStage, isLive } from "./settings.ts";
import { reconcileTimeoutSeconds, sweepTimeoutSeconds } from "./timeouts.ts";

/**
 * The reconciler: every minute, and every hour through all of staging and vault. It belongs to the active cell, whose bells
 * it rings. Under live debugging it runs when the developer calls it.
 */
export function schedules({ stack }: StackContext) {
  const [active] = currentStage(stack).cells;
  const scope = cellScope(stack, active);
  const logGroup = functionLogs(scope, "ReconcileLogs");
  const job = (timeoutSeconds: number, sweep: boolean) => ({
    function: functionProps(scope, active, {
      handler: "packages/functions/src/schedule/reconcile.handler",
      grants: [
        "enterDatabase",
        "signUploads",
        "collectStaging",
        "collectVault",
        "ring",
        "sweepDeadLetters",
        ...(sweep ? (["findTombstones"] as const) : []),
      ],
      timeoutSeconds,
      logGroup,
      environment: { [variables.publicUrl]: use(api).url, [variables.ticketKey]: use(keys).ticketKey },
    }),
    cdk: { target: { event: RuleTargetInput.fromObject({ sweep }), retryAttempts: 0 } },
  });
  const enabled = !isLive(stack);
  const reconcile = new Cron(scope, "Reconcile", {
    schedule: "rate(1 minute)",
    enabled,
    job: job(reconcileTimeoutSeconds, false),
  });
  const sweep = new Cron(scope, "Sweep", {
    schedule: "rate(1 hour)",
    enabled,
    job: job(sweepTimeoutSeconds, true),
  });
  return { reconcile, sweep };
}

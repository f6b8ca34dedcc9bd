import { Duration } from "aws-cdk-lib/core";
import { Cron, type StackContext, use } from "sst/constructs";
import { api } from "./api.ts";
import { variables } from "./environment.ts";
import { functionLogs } from "./logs.ts";
import { functionProps } from "./functions.ts";
import type { Grant } from "./grants.ts";
import { cellScope, currentStage, isLive } from "./settings.ts";
import { reconcileTimeoutSeconds, sweepTimeoutSeconds } from "./timeouts.ts";

type Job = { every: Duration; timeoutSeconds: number; grants: readonly Grant[] };

/**
 * Lambda repeats a call that failed, twice within minutes, and keeps one for hours while it has no room: on its own account,
 * whatever the rule says. The next round does the same work, and a rule that was disabled for a restore must mean an end.
 */
const calledOnce = (every: Duration) => ({ retryAttempts: 0, maxEventAge: every });

/**
 * The reconciler every minute, and every hour the sweep through all of staging and vault. They belong to the active cell,
 * whose bells they ring. Under live debugging they run when the developer calls them.
 */
export function schedules({ stack }: StackContext) {
  const [active] = currentStage(stack).cells;
  const scope = cellScope(stack, active);
  const logGroup = functionLogs(scope, "SchedulesLogs");
  const job = (name: "reconcile" | "sweep", { every, timeoutSeconds, grants }: Job) => ({
    function: {
      ...functionProps(scope, active, {
        handler: `packages/functions/src/schedule/${name}.handler`,
        grants: ["enterDatabase", "receiveUploads", "collectStaging", "collectVault", "ring", ...grants],
        timeoutSeconds,
        logGroup,
        environment: { [variables.publicUrl]: use(api).url },
      }),
      ...calledOnce(every),
    },
    cdk: { target: { retryAttempts: 0 } },
  });
  const enabled = !isLive(stack);
  const reconcile = new Cron(scope, "Reconcile", {
    schedule: "rate(1 minute)",
    enabled,
    job: job("reconcile", {
      every: Duration.minutes(1),
      timeoutSeconds: reconcileTimeoutSeconds,
      grants: ["sweepDeadLetters", "writeTombstones"],
    }),
  });
  const sweep = new Cron(scope, "Sweep", {
    schedule: "rate(1 hour)",
    enabled,
    job: job("sweep", {
      every: Duration.hours(1),
      timeoutSeconds: sweepTimeoutSeconds,
      grants: ["replayTombstones"],
    }),
  });
  stack.addOutputs({
    Reconcile: reconcile.jobFunction.functionName,
    ReconcileRule: reconcile.cdk.rule.ruleName,
    Sweep: sweep.jobFunction.functionName,
    SweepRule: sweep.cdk.rule.ruleName,
  });
  return { reconcile, sweep };
}

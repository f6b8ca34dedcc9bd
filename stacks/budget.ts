import { CfnBudget } from "aws-cdk-lib/aws-budgets";
import type { Topic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { currentSite, currentStage, recoveryEnding } from "./settings.ts";

/** Said at four fifths of the month's money, and when the forecast goes over it. */
export function budget(scope: Construct, topic: Topic): void {
  const { name, budgetUsd, replicates } = currentStage(scope);
  // What lies in the recovery region is tagged by the stage that made it: much of a full month's bill (docs/cost.md).
  const stages = replicates && currentSite().recoveryRegion !== null ? [name, name + recoveryEnding] : [name];
  const tell = (notificationType: string, threshold: number) => ({
    notification: {
      notificationType,
      comparisonOperator: "GREATER_THAN",
      threshold,
      thresholdType: "PERCENTAGE",
    },
    subscribers: [{ subscriptionType: "SNS", address: topic.topicArn }],
  });
  new CfnBudget(scope, "Budget", {
    budget: {
      budgetName: `strongroom-${name}`,
      budgetType: "COST",
      timeUnit: "MONTHLY",
      budgetLimit: { amount: budgetUsd, unit: "USD" },
      costFilters: { TagKeyValue: stages.map((stage) => `user:stage$${stage}`) },
    },
    notificationsWithSubscribers: [tell("ACTUAL", 80), tell("FORECASTED", 100)],
  });
}

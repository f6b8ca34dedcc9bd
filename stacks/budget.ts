import { CfnBudget } from "aws-cdk-lib/aws-budgets";
import type { Topic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { currentStage } from "./settings.ts";

/** Said at four fifths of the month's money, and when the forecast goes over it. */
export function budget(scope: Construct, topic: Topic): void {
  const { name, budgetUsd } = currentStage(scope);
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
      costFilters: { TagKeyValue: [`user:stage$${name}`] },
    },
    notificationsWithSubscribers: [tell("ACTUAL", 80), tell("FORECASTED", 100)],
  });
}

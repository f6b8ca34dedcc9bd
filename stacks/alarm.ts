import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Construct } from "constructs";

/** What is watched, and from what value on somebody is told. */
export type Watch = {
  id: string;
  what: string;
  metric: IMetric;
  above: number;
  periods?: number;
  /** One of the periods is enough, whatever the others say. */
  once?: boolean;
  silenceIsBad?: boolean;
};

/** An alarm on one metric; without an action it is part of another. */
export function alarm(
  scope: Construct,
  { id, what, metric, above, periods = 1, once = false, silenceIsBad = false }: Watch,
  action?: SnsAction,
): Alarm {
  const made = new Alarm(scope, id, {
    alarmDescription: what,
    metric,
    threshold: above,
    evaluationPeriods: periods,
    ...(once && { datapointsToAlarm: 1 }),
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    treatMissingData: silenceIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
  });
  if (action) made.addAlarmAction(action);
  return made;
}

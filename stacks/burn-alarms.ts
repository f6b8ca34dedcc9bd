import { AlarmRule, AlarmState, CompositeAlarm, MathExpression } from "aws-cdk-lib/aws-cloudwatch";
import type { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import { alarm } from "./alarm.ts";
import { api } from "./api.ts";
import type { CellName } from "./stage.ts";

/** Intake answers 99.9 % of requests; budgets burn fast (2 % in an hour) or slowly (10 % in three days). */
const burns = [
  { name: "fast", long: Duration.hours(1), short: Duration.minutes(5), rate: 14.4 },
  { name: "slow", long: Duration.hours(6), short: Duration.minutes(30), rate: 6 },
];
const errorBudget = 0.001;

/** Burns only when the long window has burnt and the short one still does: quick to fire, quick to be quiet again. */
export function burnAlarms(scope: Construct, cell: CellName, action: SnsAction): void {
  const { httpApi } = use(api).api(cell).cdk;
  const ratio = (period: Duration) =>
    new MathExpression({
      expression: "IF(requests > 100, errors / requests, 0)",
      usingMetrics: {
        errors: httpApi.metricServerError({ period, statistic: "Sum" }),
        requests: httpApi.metricCount({ period, statistic: "Sum" }),
      },
      period,
    });
  for (const { name, long, short, rate } of burns) {
    const parts = [long, short].map((period, at) =>
      alarm(scope, {
        id: `burn-${name}-${at}-${cell}`,
        what: `Intake (${cell}) fails ${rate} times as often as it may`,
        metric: ratio(period),
        above: rate * errorBudget,
      }),
    );
    const both = new CompositeAlarm(scope, `burn-${name}-${cell}`, {
      alarmDescription: `Intake (${cell}) burns its error budget, ${name}`,
      alarmRule: AlarmRule.allOf(...parts.map((part) => AlarmRule.fromAlarm(part, AlarmState.ALARM))),
    });
    both.addAlarmAction(action);
  }
}

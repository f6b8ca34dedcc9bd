import { AlarmRule, AlarmState, CompositeAlarm, type IAlarm } from "aws-cdk-lib/aws-cloudwatch";
import type { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { alarm } from "./alarm.ts";
import { logMetric } from "./log-metrics.ts";

/** Longer than from the beginning of one sweep to the end of the next. */
const period = Duration.hours(2);
/** A week of these: as far as CloudWatch looks back. */
const periodsOfWeek = 84;
/** A sweep in part counts for a day of these: sweeps may rest meanwhile, as their rule does during a restore. */
const periodsOfDay = 12;

/**
 * Rings while vault or staging hold what the database does not know. A sweep tells of it each time; one of a vault too large for one
 * sweep tells of the part that it saw, and its silence says nothing of the others. Until a day after a sweep that saw a part, what any
 * found within a week counts: that is 168 sweeps, which have seen all of a vault of which each sees an 84th.
 */
export function unknownAlarms(scope: Construct, action: SnsAction): void {
  const unknown = logMetric(scope, "documents-unknown", { period });
  const part = { what: "Part of unknown-documents", above: 0 };
  const lately = alarm(scope, { ...part, id: "documents-unknown-lately", metric: unknown });
  const week = alarm(scope, {
    ...part,
    id: "documents-unknown-week",
    metric: unknown,
    periods: periodsOfWeek,
    once: true,
  });
  const inPart = alarm(scope, {
    ...part,
    id: "vault-swept-in-part",
    metric: logMetric(scope, "vault-swept-in-part", { period }),
    periods: periodsOfDay,
    once: true,
  });
  const rings = (one: IAlarm) => AlarmRule.fromAlarm(one, AlarmState.ALARM);
  // Not `documents-unknown`: that was a plain alarm once, and CloudFormation changes no resource's type.
  const composite = new CompositeAlarm(scope, "unknown-documents", {
    alarmDescription: "Vault or staging hold documents that the database does not know: was it restored?",
    alarmRule: AlarmRule.anyOf(rings(lately), AlarmRule.allOf(rings(week), rings(inPart))),
  });
  composite.addAlarmAction(action);
}

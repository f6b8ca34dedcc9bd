import { prices } from "./prices.ts";

/**
 * What watches a stage, and is billed: metrics that alarms look at, composite alarms, metrics that logs are counted into. A stage
 * in us-east-1 with a name of its own; a test of the stacks counts what they make of it.
 */
export const watchShape = {
  perCell: { alarmMetrics: 20, compositeAlarms: 2 },
  perStage: { alarmMetrics: 15, compositeAlarms: 1, logMetrics: 9 },
} as const;

/** Dollars a month for alarms and for the metrics that logs are counted into, of a stage with so many cells. */
export function watchUsd(cells: number): number {
  const { perCell, perStage } = watchShape;
  return (
    (cells * perCell.alarmMetrics + perStage.alarmMetrics) * prices.alarm.usd +
    (cells * perCell.compositeAlarms + perStage.compositeAlarms) * prices.compositeAlarm.usd +
    perStage.logMetrics * prices.metric.usd
  );
}

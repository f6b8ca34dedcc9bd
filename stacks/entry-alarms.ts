import { MathExpression, Metric } from "aws-cdk-lib/aws-cloudwatch";
import { Duration } from "aws-cdk-lib/core";
import { use } from "sst/constructs";
import type { Watch } from "./alarm.ts";
import { api } from "./api.ts";
import { dns } from "./dns.ts";
import { currentSite } from "./settings.ts";

/**
 * Whether anybody gets in at all: where nothing arrives, no other alarm has a number. Route 53 and CloudFront keep their
 * metrics in us-east-1, and an alarm sees those of its own region alone (elsewhere: docs/deploy.md, First deploy).
 */
export function entryWatches(): Watch[] {
  if (currentSite().region !== "us-east-1") return [];
  const period = Duration.minutes(1);
  const checks = use(dns).healthChecks.map(({ cell, id }) => ({
    id: `entry-down-${cell}`,
    what: `The API (${cell}) does not answer Route 53: nobody gets in`,
    metric: new MathExpression({
      expression: "1 - healthy",
      usingMetrics: {
        healthy: new Metric({
          namespace: "AWS/Route53",
          metricName: "HealthCheckStatus",
          dimensionsMap: { HealthCheckId: id },
          statistic: "Minimum",
          period,
        }),
      },
      period,
    }),
    above: 0,
    periods: 3,
    silenceIsBad: true,
  }));
  const errors = {
    id: "entry-errors",
    what: "One in twenty answers of CloudFront is a 5xx, whoever gave it: API, reader, or CloudFront that reaches neither",
    metric: new Metric({
      namespace: "AWS/CloudFront",
      metricName: "5xxErrorRate", // in per cent
      dimensionsMap: { DistributionId: use(api).distribution.attrId, Region: "Global" },
      statistic: "Average",
      period,
    }),
    above: 5,
    periods: 5,
  };
  return [...checks, errors];
}

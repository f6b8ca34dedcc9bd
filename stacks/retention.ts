import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { RemovalPolicy } from "aws-cdk-lib/core";
import type { Stage } from "./stage.ts";

const byDays: Record<Stage["logDays"], RetentionDays> = {
  7: RetentionDays.ONE_WEEK,
  30: RetentionDays.ONE_MONTH,
  365: RetentionDays.ONE_YEAR,
};

/** How long logs of a stage are kept. */
export const logRetention = (stage: Stage): RetentionDays => byDays[stage.logDays];

/** What becomes of data when its stack goes. */
export const dataRemoval = (stage: Stage): RemovalPolicy =>
  stage.protects ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;

import { Bucket, EventType } from "aws-cdk-lib/aws-s3";
import { SqsDestination } from "aws-cdk-lib/aws-s3-notifications";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Duration } from "aws-cdk-lib/core";
import { type StackContext, use } from "sst/constructs";
import { ingestTimeoutSeconds } from "./timeouts.ts";
import { cellScope, currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";
import { storage } from "./storage.ts";

/** A queue and what it could not get rid of. */
export type QueuePair = { queue: Queue; dead: Queue };
/** The queues of a cell, named as `queueNames` of core/ports/queue. */
export type CellQueues = Record<"ingest" | "documents" | "late", QueuePair>;

/** Six times the function behind it (AWS's own rule), and for workers the visibility that every heartbeat renews. */
const visibility = {
  ingest: Duration.seconds(6 * ingestTimeoutSeconds),
  documents: Duration.minutes(2),
  late: Duration.minutes(2),
};

/**
 * Per cell, three doorbells with their dead letters. A fast-failing canary pulls more than its share, so a message has
 * eight deliveries. New objects in staging ring the active cell; the reconciler finds whatever rang in vain.
 */
export function queues({ stack }: StackContext) {
  const { cells } = currentStage(stack);
  const byCell = new Map(cells.map((cell) => [cell, createQueues(stack, cell)]));
  const { staging } = use(storage);
  const [active] = cells;
  // By name, so that the notification belongs to this stack: the bucket's own would have to know the queue, and the queue the bucket.
  Bucket.fromBucketName(stack, "Staging", staging.bucketName).addEventNotification(
    EventType.OBJECT_CREATED,
    new SqsDestination(byCell.get(active)!.ingest.queue),
    { prefix: "s/" },
  );
  return (cell: CellName): CellQueues => byCell.get(cell)!;
}

function createQueues(stack: StackContext["stack"], cell: CellName): CellQueues {
  const scope = cellScope(stack, cell);
  const pair = (name: keyof CellQueues): QueuePair => {
    const common = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    const dead = new Queue(scope, `${name}-dead`, { ...common, retentionPeriod: Duration.days(14) });
    const queue = new Queue(scope, name, {
      ...common,
      visibilityTimeout: visibility[name],
      retentionPeriod: Duration.days(4),
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: dead, maxReceiveCount: 8 },
    });
    return { queue, dead };
  };
  return { ingest: pair("ingest"), documents: pair("documents"), late: pair("late") };
}

import { CfnResource } from "aws-cdk-lib/core";
import type { Construct } from "constructs";

/**
 * Partitions bound how many consumers share the work, and order is per document: so there is room to grow from the first day.
 * The notifier knows for longer than these days what it told (`keepTold` of core).
 */
const topics = {
  documents: { partitions: 24, days: 14 },
  users: { partitions: 6, days: 14 },
  audit: { partitions: 6, days: 30 },
};

/** AWS::MSK::Topic is younger than this CDK's own constructs. */
export function createTopics(
  scope: Construct,
  { clusterArn, prefix }: { clusterArn: string; prefix: string },
): void {
  for (const [name, { partitions, days }] of Object.entries(topics)) {
    const configs = { "retention.ms": String(days * 86_400_000), "min.insync.replicas": "2" };
    new CfnResource(scope, `topic-${name}`, {
      type: "AWS::MSK::Topic",
      properties: {
        ClusterArn: clusterArn,
        TopicName: `${prefix}${name}`,
        PartitionCount: partitions,
        ReplicationFactor: 3,
        Configs: Buffer.from(JSON.stringify(configs)).toString("base64"),
      },
    });
  }
}

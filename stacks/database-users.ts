import { ArnFormat, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";

/** What IAM calls the two users who serve, at one door: `prx-…` of a proxy or the resource id of a cluster. */
export const databaseUserArns = (scope: Construct, doorId: string): string[] =>
  ["strongroom_app", "strongroom_system"].map((user) =>
    Stack.of(scope).formatArn({
      service: "rds-db",
      resource: "dbuser",
      resourceName: `${doorId}/${user}`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    }),
  );

import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Aws } from "aws-cdk-lib/core";
import type { StackContext } from "sst/constructs";

/**
 * What `sst deploy` needs of whoever runs it: CDK's bootstrap roles do the work, so this role touches CloudFormation, the
 * bootstrap buckets and SST's own parameters of its own stage. docs/deploy.md shows the same list to people.
 */
export function deployStatements(stack: StackContext["stack"]): PolicyStatement[] {
  const arn = (service: string, rest: string) =>
    `arn:${Aws.PARTITION}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${rest}`;
  const stage = stack.stage;
  const allow = (actions: string[], resources: string[], conditions: Record<string, unknown> = {}) =>
    new PolicyStatement({ actions, resources, conditions });
  return [
    allow(
      ["sts:AssumeRole"],
      ["deploy", "file-publishing", "image-publishing", "lookup"].map(
        (role) =>
          `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/cdk-hnb659fds-${role}-role-${Aws.ACCOUNT_ID}-${Aws.REGION}`,
      ),
    ),
    allow(
      [
        "cloudformation:CreateStack",
        "cloudformation:UpdateStack",
        "cloudformation:DeleteStack",
        "cloudformation:DescribeStacks",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStackResources",
        "cloudformation:GetTemplate",
      ],
      [
        arn("cloudformation", `stack/${stage}-strongroom-*`),
        arn("cloudformation", "stack/CDKToolkit/*"),
        arn("cloudformation", "stack/SSTBootstrap/*"),
      ],
    ),
    allow(
      ["iam:PassRole"],
      [
        `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/cdk-hnb659fds-cfn-exec-role-${Aws.ACCOUNT_ID}-${Aws.REGION}`,
      ],
      {
        StringEquals: { "iam:PassedToService": "cloudformation.amazonaws.com" },
      },
    ),
    allow(
      ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      [`arn:${Aws.PARTITION}:s3:::sstbootstrap-*`, `arn:${Aws.PARTITION}:s3:::cdk-hnb659fds-assets-*`],
    ),
    allow(
      [
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
        "ssm:PutParameter",
        "ssm:DeleteParameter",
      ],
      [arn("ssm", `parameter/sst/strongroom/${stage}/*`)],
    ),
    allow(["ssm:GetParameter"], [arn("ssm", "parameter/cdk-bootstrap/*")]),
  ];
}

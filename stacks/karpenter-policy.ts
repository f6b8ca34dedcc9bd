import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Aws } from "aws-cdk-lib/core";
import { allow } from "./allow.ts";

type Names = { clusterName: string; nodeRoleArn: string; queueArn: string };

/** The policy that Karpenter publishes, tightened to what this cluster's tag marks as its own. */
export function controllerStatements({ clusterName, nodeRoleArn, queueArn }: Names): PolicyStatement[] {
  const owned = `kubernetes.io/cluster/${clusterName}`;
  return [
    ...machines(owned),
    ...lookups(),
    ...profiles(owned, nodeRoleArn),
    ...itsOwn(clusterName, queueArn),
  ];
}

const isOurs = (owned: string) => ({ StringEquals: { [`aws:ResourceTag/${owned}`]: "owned" } });

/** Makes and ends machines that bear the tag. */
function machines(owned: string): PolicyStatement[] {
  const ec2 = (...kinds: string[]) =>
    kinds.map((kind) => `arn:${Aws.PARTITION}:ec2:${Aws.REGION}:*:${kind}/*`);
  const made = {
    StringEquals: { [`aws:RequestTag/${owned}`]: "owned" },
    StringLike: { "aws:RequestTag/karpenter.sh/nodepool": "*" },
  };
  const ours = isOurs(owned);
  return [
    ...allow(
      ["ec2:RunInstances", "ec2:CreateFleet"],
      ec2("image", "snapshot", "security-group", "subnet", "capacity-reservation", "placement-group"),
    ),
    ...allow(["ec2:RunInstances", "ec2:CreateFleet"], ec2("launch-template"), ours),
    ...allow(
      ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
      ec2("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request"),
      made,
    ),
    ...allow(
      ["ec2:CreateTags"],
      ec2("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request"),
      {
        StringEquals: {
          [`aws:RequestTag/${owned}`]: "owned",
          "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
        },
      },
    ),
    ...allow(["ec2:CreateTags"], ec2("instance"), {
      ...ours,
      "ForAllValues:StringEquals": {
        "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"],
      },
    }),
    ...allow(
      ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
      ec2("instance", "launch-template"),
      ours,
    ),
  ];
}

/** What there is to choose from. */
const lookups = (): PolicyStatement[] => [
  ...allow(
    [
      "ec2:DescribeCapacityReservations",
      "ec2:DescribeImages",
      "ec2:DescribeInstances",
      "ec2:DescribeInstanceStatus",
      "ec2:DescribeInstanceTypeOfferings",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplates",
      "ec2:DescribePlacementGroups",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSpotPriceHistory",
      "ec2:DescribeSubnets",
      "pricing:GetProducts",
    ],
    ["*"],
  ),
  ...allow(["ssm:GetParameter"], [`arn:${Aws.PARTITION}:ssm:${Aws.REGION}::parameter/aws/service/*`]),
];

/** Hands machines the role of nodes, and no other. */
function profiles(owned: string, nodeRoleArn: string): PolicyStatement[] {
  const all = [`arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:instance-profile/*`];
  return [
    ...allow(["iam:PassRole"], [nodeRoleArn], {
      StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" },
    }),
    ...allow(["iam:CreateInstanceProfile", "iam:TagInstanceProfile"], all, {
      StringEquals: { [`aws:RequestTag/${owned}`]: "owned" },
    }),
    ...allow(
      ["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"],
      all,
      isOurs(owned),
    ),
    ...allow(["iam:GetInstanceProfile", "iam:ListInstanceProfiles"], ["*"]),
  ];
}

/** Its queue of interruptions, and the address of its cluster. */
const itsOwn = (clusterName: string, queueArn: string): PolicyStatement[] => [
  ...allow(["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"], [queueArn]),
  ...allow(
    ["eks:DescribeCluster"],
    [`arn:${Aws.PARTITION}:eks:${Aws.REGION}:${Aws.ACCOUNT_ID}:cluster/${clusterName}`],
  ),
];

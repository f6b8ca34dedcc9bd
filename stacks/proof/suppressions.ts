import type { Finding } from "./synthesize.ts";

/** A finding of cdk-nag that stands, where, and why. One that no longer covers anything makes the tests red. */
type Suppression = { rule: RegExp; where: RegExp; why: string };

const helpers =
  /CustomResourceHandler|BucketNotificationsHandler|CustomS3AutoDelete|AWS679f53fac002430cb0da5b7982bd2287|Kubectl(Provider|Handler)|\/Brokers\//;

/** In the order of the rules' names. */
const suppressions: Suppression[] = [
  {
    rule: /-APIG4$/,
    where: /Route_GET_--(v1--receipt-keys|health|ready|openapi\.json)\//,
    why: "Public in core's route table: keys of receipts, probes, the description of the API.",
  },
  {
    rule: /-CFR1$/,
    where: /\/(Entry|Console)$/,
    why: "Drivers cross borders; access follows the person, not the country.",
  },
  {
    rule: /-CFR2$/,
    where: /^\/ann-strongroom-api\/Entry$/,
    why: "A person's own stage holds nothing and is not worth a firewall.",
  },
  {
    rule: /-CFR4$/,
    where: /^\/(ann|staging)-strongroom-(api|console)\/(Entry|Console)$/,
    why: "Without a name of its own an entry has CloudFront's certificate, whose protocols CloudFront chooses.",
  },
  {
    rule: /-COG2$/,
    where: /^\/(dev|staging|pr-12|ann)-.*\/People\/Resource$/,
    why: "A second factor is required where real documents are: in production.",
  },
  {
    rule: /-COG3$/,
    where: /\/People\/Resource$/,
    why: "Threat protection needs Cognito's Plus plan at four times the price; people are added by an admin and passwords are never the only gate in production.",
  },
  {
    rule: /-IAM4\[.*AWSLambda(Basic|VPCAccess)ExecutionRole/,
    where: /./,
    why: "AWS's own minimum for any function: its log and its network interface.",
  },
  {
    rule: /-IAM4\[.*(AmazonEKSClusterPolicy|AmazonEKSWorkerNodePolicy|AmazonEKS_CNI_Policy|AmazonEC2ContainerRegistryPullOnly|AmazonSSMManagedInstanceCore)/,
    where: /\/(ClusterRole|NodeRole)\//,
    why: "What EKS requires of a cluster and of a node, kept up to date by AWS.",
  },
  {
    rule: /-IAM4\[.*AWSBackupServiceRolePolicyFor/,
    where: /-backup\/Role\//,
    why: "What AWS Backup requires, kept up to date by AWS.",
  },
  {
    rule: /-IAM4\[/,
    where: helpers,
    why: "A helper of CDK's that runs at deploy and never sees a document.",
  },
  {
    rule: /-IAM5\[/,
    where: helpers,
    why: "A helper of CDK's that runs at deploy and never sees a document.",
  },
  {
    rule: /-IAM5\[Resource::\*\]$/,
    where: /\/(ServiceRole|ReaderRole)\/DefaultPolicy\/Resource$/,
    why: "X-Ray takes no resource (tracing is on).",
  },
  {
    rule: /-IAM5\[Resource::(<Staging\w+\.Arn>\/s|<Vault\w+\.Arn>\/(t|v\/\?\?|v\/checkpoints))\/\*\]$/,
    where: /./,
    why: "Objects have no names in advance; the prefix is the narrowest there is.",
  },
  {
    rule: /-IAM5\[Resource::\*\]$/,
    where: /-keys\/(Data|Receipt)Replica-[^/]+\/CustomResourcePolicy\/Resource$/,
    why: "A key has no ARN before it is made; the region bounds it.",
  },
  {
    rule: /-IAM5\[Resource::/,
    where: /\/Karpenter-role\//,
    why: "Karpenter makes machines that do not exist yet; conditions on its cluster's tag bound it (test: karpenter is held by its tag).",
  },
  {
    rule: /-IAM5\[(Resource|Action)::/,
    where: /-delivery\/Deployer\/DefaultPolicy\/Resource$/,
    why: "Stacks, assets and parameters of this stage have no names in advance; the bootstrap roles do the work.",
  },
  {
    rule: /-IAM5\[Resource::<(Staging|Vault)\w+\.Arn>\/\*\]$/,
    where: /-storage\/Replication\//,
    why: "Replication copies all of a bucket.",
  },
  {
    rule: /-IAM5\[Resource::arn:.*-copy-.*\/\*\]$/,
    where: /-storage\/Replication\//,
    why: "Replication copies all of a bucket.",
  },
  {
    rule: /-L1$/,
    where: /./,
    why: "SST 2 knows Node.js 22 as its newest runtime; helpers have what CDK gives them.",
  },
  {
    rule: /-RDS10$/,
    where: /^\/(dev|staging)-.*-database\/Cluster$/,
    why: "A stage that protects nothing must be removable.",
  },
  {
    rule: /-SMG4$/,
    where: /-keys\/(TicketKey|OriginSecret)\/Resource$/,
    why: "Replaced by a deploy: both ends get the new value from the same stack at the same time.",
  },
  {
    rule: /-SQS3$/,
    where: /\/Interruptions\/Resource$/,
    why: "A warning that a node goes away is worth nothing five minutes later.",
  },
  {
    rule: /CdkNagValidationFailure/,
    where: /-network\/Endpoints\/Resource$/,
    why: "The group admits the network's own range, known only at deploy.",
  },
];

/** Findings that nothing covers, and suppressions that cover nothing. */
export function judge(findings: Finding[]): { open: Finding[]; unused: Suppression[] } {
  const used = new Set<Suppression>();
  const open = findings.filter(({ rule, path }) => {
    const covering = suppressions.filter((one) => one.rule.test(rule) && one.where.test(path));
    if (covering[0]) used.add(covering[0]);
    return covering.length === 0;
  });
  return { open, unused: suppressions.filter((one) => !used.has(one)) };
}

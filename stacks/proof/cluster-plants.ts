import * as clusters from "./cluster-rules.ts";
import { type Plant, props } from "./plant.ts";

/** Each breaks one resource of a healthy stage's clusters in one way. */
export const clusterPlants: Plant[] = [
  [
    "a kubectl function that is not trusted by its name",
    () => clusters.kubectlGetsIn,
    "AWS::IAM::Role",
    /^evenKubectl(?!Handler)/,
    (one) =>
      (props(one)["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {
        AWS: "arn:aws:iam::111122223333:root",
      }),
  ],
  [
    "a cluster's administrator whom nobody is handed",
    () => clusters.kubectlGetsIn,
    "AWS::CloudFormation::Stack",
    /even/,
    (one) => (props(one)["Parameters"] = {}),
  ],
  [
    "system nodes without room",
    () => clusters.systemNodesHoldTheRest,
    "AWS::EKS::Nodegroup",
    /./,
    (one) => (props(one)["InstanceTypes"] = ["m7g.medium"]),
  ],
  [
    "an add-on that was not counted",
    () => clusters.systemNodesHoldTheRest,
    "AWS::EKS::Addon",
    /^evencoredns/,
    (one) => (props(one)["AddonName"] = "adot"),
  ],
  [
    "containers on a disk that nobody encrypts",
    () => clusters.bottlerocketHasItsDisks,
    "AWS::EC2::LaunchTemplate",
    /./,
    (one) => props(one)["LaunchTemplateData"]["BlockDeviceMappings"].pop(),
  ],
  [
    "a provider of a stage's own",
    () => clusters.takesTheAccountsProvider,
    "AWS::IAM::Role",
    /^Deployer/,
    (one) => (one.Type = "AWS::IAM::OIDCProvider"),
  ],
  [
    "a role that trusts whoever signs in elsewhere",
    () => clusters.takesTheAccountsProvider,
    "AWS::IAM::Role",
    /^Deployer/,
    (one) =>
      (props(one)["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {
        Federated: "accounts.google.com",
      }),
  ],
  [
    "nodes that come before their role's entry",
    () => clusters.nodesWaitForTheirAccess,
    "AWS::EKS::Nodegroup",
    /./,
    (one) => delete one.DependsOn,
  ],
];

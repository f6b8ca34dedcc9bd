import { Cluster, HelmChart, KubernetesManifest, CfnAccessEntry } from "aws-cdk-lib/aws-eks";
import { Repository, RepositoryEncryption, TagMutability } from "aws-cdk-lib/aws-ecr";
import { AccountRootPrincipal, OidcProviderNative, Role, WebIdentityPrincipal } from "aws-cdk-lib/aws-iam";
import { KubectlV34Layer } from "@aws-cdk/lambda-layer-kubectl-v34";
import { Aws, Duration, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { type StackContext, use } from "sst/constructs";
import { cluster, type CellCluster } from "./cluster.ts";
import { deployStatements } from "./deploy-role.ts";
import { network } from "./network.ts";
import { dataRemoval } from "./retention.ts";
import { cellScope, currentSite, currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";

/** The chart carries Argo CD 3.5 by its image tag, since charts lag behind. */
const argoCd = {
  chart: "argo-cd",
  version: "9.5.4",
  image: "v3.5.0",
  repository: "https://argoproj.github.io/argo-helm",
};

/** From a merged commit to running pods: images, the role that GitHub deploys with, and Argo CD, which pulls the rest. */
export function delivery({ stack }: StackContext) {
  const stage = currentStage(stack);
  if (stage.base !== "own") return { workers: null };
  const workers = new Repository(stack, "Workers", {
    repositoryName: `strongroom/${stage.name}/workers`,
    imageScanOnPush: true,
    imageTagMutability: TagMutability.IMMUTABLE,
    encryption: RepositoryEncryption.AES_256,
    removalPolicy: dataRemoval(stage),
    emptyOnDelete: !stage.protects,
    lifecycleRules: [{ description: "rollback needs the last ones", maxImageCount: 100 }],
  });
  const { repository } = currentSite();
  stack.addOutputs({ Images: workers.repositoryUri });
  if (repository === null) return { workers };
  const deployer = githubRole(stack, workers, repository);
  for (const cell of stage.cells)
    argo(cellScope(stack, cell), { cell, cluster: use(cluster)!(cell), repository });
  stack.addOutputs({ DeployRole: deployer.roleArn });
  return { workers };
}

/** Only this repository, only in the GitHub environment of this stage (which asks for approval), only from main or a release tag. */
function githubRole(stack: StackContext["stack"], workers: Repository, repository: string): Role {
  const provider = new OidcProviderNative(stack, "GitHub", {
    url: "https://token.actions.githubusercontent.com",
    clientIds: ["sts.amazonaws.com"],
  });
  const claim = (name: string) => `token.actions.githubusercontent.com:${name}`;
  const role = new Role(stack, "Deployer", {
    maxSessionDuration: Duration.hours(2),
    assumedBy: new WebIdentityPrincipal(provider.oidcProviderArn, {
      StringEquals: {
        [claim("aud")]: "sts.amazonaws.com",
        [claim("sub")]: `repo:${repository}:environment:${stack.stage}`,
      },
      StringLike: { [claim("ref")]: ["refs/heads/main", "refs/tags/v*"] },
    }),
  });
  for (const statement of deployStatements(stack)) role.addToPolicy(statement);
  workers.grantPullPush(role);
  return role;
}

type Bootstrap = { cell: CellName; cluster: CellCluster; repository: string };

/** Argo CD and its root application: from here on a cluster becomes what the repository says. */
function argo(scope: Construct, { cell, cluster: { name }, repository }: Bootstrap): void {
  const { vpc, members } = use(network)!;
  // CDK's kubectl function, in a nested stack of this one, comes to the cluster as this role; nobody else may.
  const role = new Role(scope, "Kubectl", {
    assumedBy: new AccountRootPrincipal().withConditions({
      ArnLike: {
        "aws:PrincipalArn": `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/${Stack.of(scope).stackName}-*`,
      },
    }),
  });
  const access = new CfnAccessEntry(scope, "KubectlAccess", {
    clusterName: name,
    principalArn: role.roleArn,
    accessPolicies: [
      {
        policyArn: `arn:${Aws.PARTITION}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`,
        accessScope: { type: "cluster" },
      },
    ],
  });
  const target = Cluster.fromClusterAttributes(scope, "Target", {
    clusterName: name,
    vpc,
    kubectlRoleArn: role.roleArn,
    kubectlLayer: new KubectlV34Layer(scope, "KubectlLayer"),
    kubectlSecurityGroupId: members.securityGroupId,
    kubectlPrivateSubnetIds: vpc.privateSubnets.map(({ subnetId }) => subnetId),
  });
  const chart = new HelmChart(scope, "ArgoCd", {
    cluster: target,
    chart: argoCd.chart,
    version: argoCd.version,
    repository: argoCd.repository,
    release: "argocd",
    namespace: "argocd",
    createNamespace: true,
    wait: true,
    timeout: Duration.minutes(10),
    values: { global: { image: { tag: argoCd.image } }, configs: { params: { "server.insecure": false } } },
  });
  const root = new KubernetesManifest(scope, "RootApplication", {
    cluster: target,
    manifest: [rootApplication(`${currentStage(scope).name}-${cell}`, repository)],
  });
  chart.node.addDependency(access);
  root.node.addDependency(chart);
}

/** What Argo CD reads: `deploy/cells/<stage>-<cell>`. */
const rootApplication = (place: string, repository: string) => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  metadata: { name: "strongroom", namespace: "argocd" },
  spec: {
    project: "default",
    source: {
      repoURL: `https://github.com/${repository}`,
      targetRevision: "main",
      path: `deploy/cells/${place}`,
    },
    destination: { server: "https://kubernetes.default.svc", namespace: "strongroom" },
    syncPolicy: {
      automated: { prune: true, selfHeal: true },
      syncOptions: ["CreateNamespace=true", "ServerSideApply=true"],
    },
  },
});

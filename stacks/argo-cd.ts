import { CfnAccessEntry, Cluster, HelmChart, KubernetesManifest } from "aws-cdk-lib/aws-eks";
import { ArnPrincipal, ManagedPolicy, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { KubectlV34Layer } from "@aws-cdk/lambda-layer-kubectl-v34";
import { Aws, Duration } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import type { CellCluster } from "./cluster.ts";
import { network } from "./network.ts";
import { currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";

/** The chart carries Argo CD 3.5 by its image tag, since charts lag behind. */
const argoCd = {
  chart: "argo-cd",
  version: "9.5.4",
  image: "v3.5.0",
  repository: "https://argoproj.github.io/argo-helm",
};

type Bootstrap = { cell: CellName; cluster: CellCluster; repository: string };

/** Argo CD and its root application: from here on a cluster becomes what the repository says. */
export function argo(scope: Construct, { cell, cluster: { name }, repository }: Bootstrap): void {
  const { target, access } = reach(scope, name);
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

/** The cluster as CDK's kubectl function sees it, and the entry that lets that function in. */
function reach(scope: Construct, clusterName: string) {
  const { vpc, members } = use(network)!;
  const { handler, admin } = kubectlRoles(scope);
  const access = new CfnAccessEntry(scope, "KubectlAccess", {
    clusterName,
    principalArn: admin.roleArn,
    accessPolicies: [
      {
        policyArn: `arn:${Aws.PARTITION}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`,
        accessScope: { type: "cluster" },
      },
    ],
  });
  const target = Cluster.fromClusterAttributes(scope, "Target", {
    clusterName,
    vpc,
    kubectlRoleArn: admin.roleArn,
    kubectlLambdaRole: handler,
    kubectlLayer: new KubectlV34Layer(scope, "KubectlLayer"),
    kubectlSecurityGroupId: members.securityGroupId,
    kubectlPrivateSubnetIds: vpc.privateSubnets.map(({ subnetId }) => subnetId),
  });
  return { target, access };
}

/**
 * CDK's kubectl function, in a nested stack of this one, runs as `handler` and comes to the cluster as `admin`, which trusts
 * that one role and nobody else. CDK would make the function's role inside of the nested stack, under a name of which
 * CloudFormation keeps two dozen characters: nothing here could name it.
 */
function kubectlRoles(scope: Construct): { handler: Role; admin: Role } {
  const handler = new Role(scope, "KubectlHandler", {
    assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName("service-role/AWSLambdaBasicExecutionRole")],
  });
  return {
    handler,
    admin: new Role(scope, "Kubectl", { assumedBy: new ArnPrincipal(handler.roleArn) }),
  };
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

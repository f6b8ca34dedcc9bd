import { idOf, nameOf, resourcesOf, type Rule, statementsOf } from "./find.ts";

/** Who comes to a cluster as its administrator is trusted by one role, which is handed to the nested stack of CDK's kubectl function. */
export const kubectlGetsIn: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::EKS::AccessEntry")
    .filter(({ properties }) => JSON.stringify(properties).includes("AmazonEKSClusterAdminPolicy"))
    .flatMap((entry) => {
      const { Resources } = synthesis.templates[entry.stack]!;
      const admin = Resources[idOf(entry.properties["PrincipalArn"])!];
      const trusted = statementsOf(admin?.Properties?.["AssumeRolePolicyDocument"]).map(
        ({ Principal }) => idOf((Principal as { AWS?: unknown }).AWS) ?? "",
      );
      const handed = resourcesOf(synthesis, "AWS::CloudFormation::Stack")
        .filter(({ stack }) => stack === entry.stack)
        .flatMap(({ properties }) => Object.values(properties["Parameters"] ?? {}).map(idOf));
      return trusted.length === 1 && trusted[0] !== "" && handed.includes(trusted[0])
        ? []
        : [`${nameOf(entry)}: its role does not trust the kubectl function, or not it alone`];
    });

/** Pods that a node of EKS takes: network interfaces × (addresses of each − 1) + 2. */
const slots: Record<string, number> = { "m7g.medium": 8, "m7g.large": 29 };
/** Pods of an add-on: on each node, or of the cluster. One that is not listed leaves no room. */
const podsOf: Record<string, { eachNode?: number; once?: number }> = {
  "vpc-cni": { eachNode: 1 },
  "kube-proxy": { eachNode: 1 },
  "eks-pod-identity-agent": { eachNode: 1 },
  "fluent-bit": { eachNode: 1 },
  coredns: { once: 2 },
  "metrics-server": { once: 2 },
};
/** Argo CD's seven and the job before them; two of Karpenter. */
const before = 8 + 2;

/** All that must run before Karpenter brings nodes finds room on the system nodes, while one of them is away. */
export const systemNodesHoldTheRest: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::EKS::Nodegroup").flatMap((group) => {
    const addons = resourcesOf(synthesis, "AWS::EKS::Addon")
      .filter(({ properties }) => idOf(properties["ClusterName"]) === idOf(group.properties["ClusterName"]))
      .map(({ properties }) => podsOf[String(properties["AddonName"])] ?? { eachNode: NaN });
    const sum = (kind: "eachNode" | "once") => addons.reduce((all, pods) => all + (pods[kind] ?? 0), 0);
    const { MinSize } = group.properties["ScalingConfig"] as { MinSize: number };
    const [type] = group.properties["InstanceTypes"] as string[];
    const room = (MinSize - 1) * ((slots[type!] ?? NaN) - sum("eachNode"));
    return room >= sum("once") + before
      ? []
      : [`${nameOf(group)}: room for ${room} pods on ${type}, needed ${sum("once") + before}`];
  });

/** Bottlerocket keeps itself on the first disk, images and containers on the second. */
const disks = ["/dev/xvda", "/dev/xvdb"];

/** A node's template maps both disks of Bottlerocket, encrypted, and gives the one of the containers its size. */
export const bottlerocketHasItsDisks: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::EC2::LaunchTemplate").flatMap((template) => {
    const { BlockDeviceMappings = [] } = template.properties["LaunchTemplateData"] as {
      BlockDeviceMappings?: { DeviceName: string; Ebs: { Encrypted?: boolean; VolumeSize?: number } }[];
    };
    const wrong = disks.filter((disk) => {
      const ebs = BlockDeviceMappings.find(({ DeviceName }) => DeviceName === disk)?.Ebs;
      return !ebs?.Encrypted || (disk === "/dev/xvdb" && !ebs.VolumeSize);
    });
    return wrong.map((disk) => `${nameOf(template)}: ${disk} is not mapped, not encrypted or has no size`);
  });

/** An account takes one provider for an address: a stage that made one would refuse its neighbours. */
export const takesTheAccountsProvider: Rule = (synthesis) => [
  ...["AWS::IAM::OIDCProvider", "Custom::AWSCDKOpenIdConnectProvider"]
    .flatMap((type) => resourcesOf(synthesis, type))
    .map((provider) => `${nameOf(provider)} can be made once in an account`),
  ...resourcesOf(synthesis, "AWS::IAM::Role")
    .filter(({ properties }) => JSON.stringify(properties).includes("AssumeRoleWithWebIdentity"))
    .filter(({ properties }) => {
      const [statement] = statementsOf(properties["AssumeRolePolicyDocument"]);
      return !/oidc-provider\/token\.actions/.test(JSON.stringify(statement?.Principal));
    })
    .map((role) => `${nameOf(role)} trusts another provider than the account's of GitHub`),
];

/** EKS makes the entry of a managed group's role itself where it finds none, and then refuses ours. */
export const nodesWaitForTheirAccess: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::EKS::Nodegroup")
    .filter(({ stack, resource, properties }) => {
      const { Resources } = synthesis.templates[stack]!;
      return ![resource.DependsOn ?? []].flat().some((id) => {
        const { Type, Properties = {} } = Resources[id]!;
        return (
          Type === "AWS::EKS::AccessEntry" &&
          idOf(Properties["PrincipalArn"]) === idOf(properties["NodeRole"])
        );
      });
    })
    .map((group) => `${nameOf(group)} may be there before its role's entry`);

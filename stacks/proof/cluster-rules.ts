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

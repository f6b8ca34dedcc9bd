import { type Found, nameOf, resourcesOf, type Rule } from "./find.ts";
import type { Synthesis } from "./synthesize.ts";

type Term = { tag: string; value: string };

/**
 * By the node class of docs/deploy.md a node gets two groups, the members' and its cluster's own, all private subnets and the
 * role of nodes. EKS tags the cluster's group, so only the cluster's name stands in a template.
 */
export const nodeClassFinds =
  (nodeClass: string, stage: string): Rule =>
  (synthesis) =>
    resourcesOf(synthesis, "AWS::EKS::Cluster").flatMap((cluster) => {
      const name = String(cluster.properties["Name"]);
      const text = nodeClass.replaceAll("<stage>", stage).replaceAll("<cell>", name.replace(/^.*-/, ""));
      const [ofSubnets, ofGroups = ""] = text.split("securityGroupSelectorTerms:");
      const groups = termsOf(ofGroups);
      const subnets = bearersOf(synthesis, "AWS::EC2::Subnet", termsOf(ofSubnets!));
      return [
        ...(groups.some(({ tag, value }) => tag === "aws:eks:cluster-name" && value === name)
          ? []
          : ["group"]),
        ...(bearersOf(synthesis, "AWS::EC2::SecurityGroup", groups).length === 1 ? [] : ["members"]),
        ...(subnets.length === 3 && subnets.every(({ id }) => /private/.test(id)) ? [] : ["subnets"]),
        ...(namesRole(synthesis, text) ? [] : ["role"]),
      ].map((what) => `${nameOf(cluster)}: nodes do not find their ${what}`);
    });

const termsOf = (text: string): Term[] =>
  [...text.matchAll(/^ *- tags: \{ ([\w.:/-]+): ([\w-]+) \}$/gm)].map(([, tag, value]) => ({
    tag: tag!,
    value: value!,
  }));

const bearersOf = (synthesis: Synthesis, type: string, terms: Term[]): Found[] =>
  resourcesOf(synthesis, type).filter(({ properties }) =>
    (properties["Tags"] as { Key: string; Value: string }[]).some(({ Key, Value }) =>
      terms.some(({ tag, value }) => tag === Key && value === Value),
    ),
  );

const namesRole = (synthesis: Synthesis, text: string): boolean =>
  resourcesOf(synthesis, "AWS::IAM::Role").some(({ properties }) =>
    text.includes(`role: ${String(properties["RoleName"]).replace(/[a-z]+-[a-z]+-\d$/, "<region>")}\n`),
  );

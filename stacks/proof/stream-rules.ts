import { idOf, nameOf, resourcesOf, type Rule } from "./find.ts";

/** MSK makes topics for CloudFormation in provisioned clusters alone. A cluster that is borrowed is none of the template's. */
export const topicsHaveBrokers: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::MSK::Topic")
    .filter(({ stack, properties }) => {
      const cluster = synthesis.templates[stack]!.Resources[idOf(properties["ClusterArn"])!];
      return cluster !== undefined && cluster.Type !== "AWS::MSK::Cluster";
    })
    .map((topic) => `${nameOf(topic)} is in a cluster that makes no topics`);

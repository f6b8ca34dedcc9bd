import { nameOf, resourcesOf, type Rule } from "./find.ts";

/** A proxy takes a cluster as its target when that has instances: its group is made after all of them. */
export const targetsWaitForInstances: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::RDS::DBProxyTargetGroup").flatMap((group) => {
    const waitsFor = [group.resource.DependsOn ?? []].flat();
    return resourcesOf(synthesis, "AWS::RDS::DBInstance")
      .filter(({ id }) => !waitsFor.includes(id))
      .map(({ id }) => `${nameOf(group)} does not wait for ${id}`);
  });

import { nameOf, resourcesOf, type Rule } from "./find.ts";

/** A proxy takes a cluster as its target when that has instances: its group is made after all of them. */
export const targetsWaitForInstances: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::RDS::DBProxyTargetGroup").flatMap((group) => {
    const waitsFor = [group.resource.DependsOn ?? []].flat();
    return resourcesOf(synthesis, "AWS::RDS::DBInstance")
      .filter(({ id }) => !waitsFor.includes(id))
      .map(({ id }) => `${nameOf(group)} does not wait for ${id}`);
  });

/** What a database logs expires and lies under our key: its group is made before RDS would make one itself. */
export const databaseLogsAreOurs: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::RDS::DBCluster").flatMap((cluster) => {
    const name = `/aws/rds/cluster/${String(cluster.properties["DBClusterIdentifier"])}/postgresql`;
    const group = resourcesOf(synthesis, "AWS::Logs::LogGroup").find(
      ({ stack, properties }) => stack === cluster.stack && properties["LogGroupName"] === name,
    );
    const isFirst = group !== undefined && [cluster.resource.DependsOn ?? []].flat().includes(group.id);
    return isFirst && group.properties["RetentionInDays"] && group.properties["KmsKeyId"]
      ? []
      : [`${nameOf(cluster)} logs into a group of RDS's own`];
  });

/** Nobody shortens a backup: vaults are locked in compliance mode, which three days of grace make it. */
export const backupsAreLocked: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::Backup::BackupVault")
    .filter(({ properties }) => {
      const lock = (properties["LockConfiguration"] ?? {}) as Record<string, unknown>;
      return lock["ChangeableForDays"] !== 3 || !Number(lock["MinRetentionDays"]);
    })
    .map((vault) => `${nameOf(vault)} can be emptied before its time`);

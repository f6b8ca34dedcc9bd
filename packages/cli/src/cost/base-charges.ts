import { assumptions } from "./assumptions.ts";
import { type Charge, charge, type Load, runningCells } from "./charge.ts";
import { gigabyte, hoursPerMonth, prices } from "./prices.ts";
import { keptBytesUsd } from "./storage-charges.ts";

/** What stands whether documents come or not: network, database, stream, cache, clusters. */
export function baseCharges(load: Load): Charge[] {
  return [
    ...networkCharges(load),
    ...databaseCharges(load),
    streamCharge(load),
    ...cacheCharges(load),
    ...clusterCharges(load),
  ];
}

function networkCharges({ stage }: Load): Charge[] {
  const { internetBytesPerDocument, crossZoneBytesPerDocument } = assumptions;
  const zones = stage.availabilityZones;
  const gateway = prices.natGateway.usd + prices.publicAddress.usd;
  // KMS, SQS, ECR (two), STS and logs; without them their traffic (30 kB per document) goes through NAT.
  const calls = 30_000;
  const throughNat = internetBytesPerDocument + (stage.hasInterfaceEndpoints ? 0 : calls);
  // Images and charts pulled by the clusters.
  const pulledGb = 50;
  const charges = [
    charge("NAT gateways", "hours and data", {
      fixedUsd: stage.natGateways * hoursPerMonth * gateway + pulledGb * prices.natData.usd,
      documentUsd: (throughNat / gigabyte) * prices.natData.usd,
    }),
    charge("Data between zones", "database, stream", {
      documentUsd: (crossZoneBytesPerDocument / gigabyte) * 2 * prices.betweenZones.usd,
    }),
  ];
  if (!stage.hasInterfaceEndpoints) return charges;
  const endpoints = charge("VPC endpoints", "six, in each zone", {
    fixedUsd: 6 * zones * hoursPerMonth * prices.endpoint.usd,
    documentUsd: (calls / gigabyte) * prices.endpointData.usd,
  });
  return [...charges, endpoints];
}

/** Capacity units that the load asks of each instance: a unit is about a quarter of a vCPU, half of it used. */
function capacityOf({ stage, documentsPerDay }: Load): number {
  const cpu = (documentsPerDay / 86_400) * (assumptions.databaseCpuMsPerDocument / 1_000);
  return Math.max(stage.database.minCapacity, cpu / (0.25 * 0.5));
}

function databaseCharges(load: Load): Charge[] {
  const { database } = load.stage;
  const bytes = assumptions.databaseBytesPerDocument;
  const capacity = capacityOf(load) * (1 + database.readers);
  const aurora = "Aurora";
  const charges = [
    charge(aurora, "capacity", { fixedUsd: capacity * hoursPerMonth * prices.auroraCapacity.usd }),
    charge(aurora, "storage, I/O", {
      documentUsd: (assumptions.databaseIosPerDocument * prices.auroraIo.usd) / 1_000_000,
      keptUsd: ({ ageDays, retentionDays }) =>
        keptBytesUsd(bytes, prices.auroraStorage.usd, Math.min(ageDays, retentionDays)),
    }),
  ];
  if (!database.hasProxy) return charges;
  const proxied = Math.max(8, capacity);
  return [
    ...charges,
    charge("RDS Proxy", "capacity", { fixedUsd: proxied * hoursPerMonth * prices.databaseProxy.usd }),
  ];
}

function streamCharge({ stage }: Load): Charge {
  const broker = stage.brokers === "kafka.m7g.large" ? prices.mskBrokerLarge : prices.mskBrokerSmall;
  const disks = 3 * 100 * prices.mskStorage.usd;
  return charge("MSK", `three ${stage.brokers}`, { fixedUsd: 3 * hoursPerMonth * broker.usd + disks });
}

function cacheCharges({ stage }: Load): Charge[] {
  if (!stage.hasCache) return [];
  // A role and a rate window per request, one ECPU each way; the data stays below the 0.1 GB that is billed at least.
  const work = (4 * assumptions.apiRequestsPerDocument * prices.cacheWork.usd) / 1_000_000;
  const fixedUsd = 0.1 * hoursPerMonth * prices.cacheData.usd;
  return [charge("ElastiCache", "Valkey, serverless", { fixedUsd, documentUsd: work })];
}

/** vCPU that documents ask of the workers, as a mean over the day. */
function workerCpu({ documentsPerDay, pages }: Pick<Load, "documentsPerDay" | "pages">): number {
  const { cpuMsPerPage, cpuMsPerDocument, workerUtilisation } = assumptions;
  const busy = (documentsPerDay / 86_400) * ((pages * cpuMsPerPage + cpuMsPerDocument) / 1_000);
  return busy / workerUtilisation;
}

function clusterCharges(load: Load): Charge[] {
  const { stage, cells } = load;
  const { spotShare, spotDiscount, overlapDays, sprintDays } = assumptions;
  const running = runningCells(cells, overlapDays / sprintDays);
  const clusters = cells === "single" ? 1 : 2;
  const systemNodes = clusters * stage.systemNodes;
  const platformCpu = running * stage.platformCpu;
  const cpu = Math.max(running * stage.workerCpuFloor, workerCpu(load));
  const cpuHour = prices.workerCpu.usd * (1 - spotShare * spotDiscount);
  // Karpenter takes nodes of about four vCPU. Bottlerocket has a disk of 2 GiB for itself and one for containers.
  const diskGb = (2 + 30) * (systemNodes + (platformCpu + cpu) / 4);
  return [
    charge("EKS", clusters === 1 ? "control plane" : "two control planes", {
      fixedUsd: clusters * hoursPerMonth * prices.eksCluster.usd,
    }),
    charge("EC2", "system nodes", { fixedUsd: systemNodes * hoursPerMonth * prices.systemNode.usd }),
    charge("EC2", "mesh, metrics, Argo CD", {
      fixedUsd: platformCpu * hoursPerMonth * prices.workerCpu.usd,
    }),
    charge("EC2", "workers, 70 % spot", { fixedUsd: cpu * hoursPerMonth * cpuHour }),
    charge("EC2", "disks", { fixedUsd: diskGb * prices.disk.usd }),
  ];
}

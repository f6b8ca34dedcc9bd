import { assumptions, fixityDays, lifecycle, stagingDays } from "./assumptions.ts";
import { type Charge, charge, type Load, overArtefacts } from "./charge.ts";
import { type Age, keptUsd } from "./keep-artefact.ts";
import { daysPerMonth, gigabyte, prices } from "./prices.ts";
import { readUsd, storedUsdPerDay } from "./storage-class.ts";

const service = "S3";
const copies = "S3 copies";
const put = prices.s3Put.usd / 1_000;
const get = prices.s3Get.usd / 1_000;

/** S3: what is kept in the vault, what lies in staging, requests, and the copies in the recovery region. */
export function storageCharges(load: Load): Charge[] {
  return [
    charge(service, "vault", {
      keptUsd: (age) => overArtefacts(load, ({ sizeBytes }) => keptUsd(sizeBytes, age)),
    }),
    charge(service, "reading back, to check", { keptUsd: (age) => checksUsd(load, age) }),
    charge(service, "uploads on their way", {
      documentUsd: stagingDays.here * storedUsdPerDay("standard", load.sizeBytes),
    }),
    charge(service, "requests", { documentUsd: requestsUsd(load) }),
    charge(service, "access logs", { keptUsd: (age) => accessLogUsd(load, age) }),
    ...(load.stage.replicates ? copyCharges(load) : []),
  ];
}

/** Artefacts that a mean document has in the vault. */
const artefactCount = (load: Load): number => overArtefacts(load, () => 1);

/**
 * For each file: a PUT, HEAD at the event and at `complete`, a GET by the processor. For each artefact: a PUT, the GET that
 * reads it back, and the PUT of its lock. Reads are counted with the reader.
 */
function requestsUsd(load: Load): number {
  const lock = load.stage.hasObjectLock ? put : 0;
  return load.pages * (put + 3 * get) + artefactCount(load) * (put + get + lock);
}

/** The opener reads back whatever is not in Deep Archive, once in each period; most of it from Glacier Instant Retrieval. */
function checksUsd(load: Load, { ageDays, retentionDays }: Age): number {
  const { archiveAfterDays, archivedShare } = assumptions;
  const days = Math.min(ageDays, retentionDays);
  const young = Math.min(days, archiveAfterDays);
  const checks = (young + (1 - archivedShare) * (days - young)) / fixityDays;
  const decrypt = prices.kmsRequest.usd / 10_000;
  const each = overArtefacts(load, ({ sizeBytes }) =>
    readUsd(sizeBytes > lifecycle.instantRetrievalOverBytes ? "instantRetrieval" : "standard", sizeBytes),
  );
  return checks * (each + decrypt);
}

function accessLogUsd(load: Load, { ageDays }: Age): number {
  const requests = 4 * load.pages + 2 * artefactCount(load);
  const bytes = requests * assumptions.accessLogBytesPerRequest;
  return Math.min(ageDays, load.stage.logDays) * storedUsdPerDay("standard", bytes);
}

function copyCharges(load: Load): Charge[] {
  const { stage, pages, sizeBytes } = load;
  const vaultBytes = overArtefacts(load, (artefact) => artefact.sizeBytes);
  const perGb = prices.betweenRegions.usd + prices.s3ReplicationTime.usd;
  // A PUT into Glacier Instant Retrieval costs what a move there costs.
  const vaultPut = stage.copyClass === "standard" ? put : prices.s3ToInstantRetrieval.usd / 1_000;
  return [
    charge(copies, "vault, kept", {
      keptUsd: ({ ageDays, retentionDays }) =>
        Math.min(ageDays, retentionDays) *
        overArtefacts(load, (artefact) => storedUsdPerDay(stage.copyClass, artefact.sizeBytes)),
    }),
    charge(copies, "vault, sent", {
      documentUsd: (vaultBytes / gigabyte) * perGb + artefactCount(load) * (vaultPut + get),
    }),
    charge(copies, "uploads, sent and kept", {
      documentUsd:
        (sizeBytes / gigabyte) * perGb +
        pages * (put + get) +
        stagingDays.copy * storedUsdPerDay("standard", sizeBytes),
    }),
  ];
}

/** Dollars for bytes of each document that are kept for some days at a price per GB and month. */
export function keptBytesUsd(bytes: number, usdPerGbMonth: number, days: number): number {
  return (bytes / gigabyte) * usdPerGbMonth * (days / daysPerMonth);
}

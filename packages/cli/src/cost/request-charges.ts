import { assumptions } from "./assumptions.ts";
import { type Charge, charge, type Load, runningCells } from "./charge.ts";
import { keptBytesUsd } from "./storage-charges.ts";
import { watchUsd } from "./watch-charge.ts";
import { gigabyte, hoursPerMonth, prices } from "./prices.ts";

const million = 1_000_000;

/** Artefacts that people read of a mean document in its first weeks, and their bytes. */
function reads({ pages, sizeBytes }: Load): { count: number; bytes: number } {
  const { previewsPerDocument, originalsReadPerDocument, renditionBytes, thumbnailBytes } = assumptions;
  return {
    count: pages * (2 * previewsPerDocument + originalsReadPerDocument),
    bytes:
      pages * previewsPerDocument * (renditionBytes + thumbnailBytes) + originalsReadPerDocument * sizeBytes,
  };
}

/** Whatever is billed by the request: API, functions, queues, keys, content delivery, logs. */
export function requestCharges(load: Load): Charge[] {
  return [...functionCharges(load), ...keyCharges(load), ...edgeCharges(load), ...logCharges(load)];
}

function functionCharges(load: Load): Charge[] {
  const { apiRequestsPerDocument: requests, apiGbSeconds, readerGbSeconds } = assumptions;
  const { count } = reads(load);
  // One event of S3 per file; batches only make it cheaper.
  const invocations = requests + count + load.pages;
  const gbSeconds = (requests + load.pages) * apiGbSeconds + count * readerGbSeconds;
  // The reconciler runs every minute for two seconds in half a GB.
  const rounds = hoursPerMonth * 60;
  const perInvocation = prices.lambdaRequest.usd / million;
  const perGbSecond = prices.lambdaDuration.usd;
  const cells = load.cells === "single" ? 1 : 2;
  // Three queues of a cell, each with five pollers that wait 20 s, also when the cell is shut.
  const polls = cells * 3 * 5 * ((hoursPerMonth * 3600) / 20);
  // Event, doorbell: each is sent, received and deleted; a beat every 10 s seldom comes due.
  const messages = 3 * (load.pages + 1);
  return [
    charge("API Gateway", "requests", { documentUsd: (requests * prices.httpApiRequest.usd) / million }),
    charge("Lambda", "API, ingest, reader, schedules", {
      fixedUsd: rounds * (perInvocation + perGbSecond),
      documentUsd: invocations * perInvocation + gbSeconds * perGbSecond,
    }),
    charge("SQS", "doorbells", {
      fixedUsd: (polls * prices.sqsRequest.usd) / million,
      documentUsd: (messages * prices.sqsRequest.usd) / million,
    }),
  ];
}

/** Three keys, two of them with a replica; a data key and a signature per document, and a key opened per read. */
function keyCharges(load: Load): Charge[] {
  const request = prices.kmsRequest.usd / 10_000;
  return [
    charge("KMS", "keys, data keys, signatures", {
      fixedUsd: (load.stage.replicates ? 5 : 3) * prices.kmsKey.usd,
      documentUsd: request + prices.kmsSign.usd / 10_000 + reads(load).count * request,
    }),
    charge("Secrets Manager", "six secrets", { fixedUsd: 6 * prices.secret.usd }),
  ];
}

/** CloudFront and WAF stand before API, reader and console; Route 53 before them. */
function edgeCharges(load: Load): Charge[] {
  const { count, bytes } = reads(load);
  const requests = assumptions.apiRequestsPerDocument + count;
  // Ten requests ride on one lookup; API answers take 3 kB.
  const answers = assumptions.apiRequestsPerDocument * 3_000;
  const cells = load.cells === "single" ? 1 : 2;
  const users = load.documentsPerDay / assumptions.documentsPerUserAndDay - 10_000;
  return [
    charge("CloudFront", "pages read, answers", {
      documentUsd:
        ((bytes + answers) / gigabyte) * prices.cdnData.usd + (requests * prices.cdnRequest.usd) / 10_000,
    }),
    charge("WAF", "requests, four rules", {
      fixedUsd: prices.wafAcl.usd + 4 * prices.wafRule.usd,
      documentUsd: (requests * prices.wafRequest.usd) / million,
    }),
    charge("Route 53", "zone, health checks, lookups", {
      fixedUsd: prices.zone.usd + cells * prices.healthCheck.usd,
      documentUsd: (requests / 10) * (prices.lookup.usd / million),
    }),
    charge("Cognito", "active users", { fixedUsd: Math.max(0, users) * prices.activeUser.usd }),
  ];
}

function logCharges({ stage, cells }: Load): Charge[] {
  const bytes = assumptions.logBytesPerDocument;
  // Per topic and broker, MSK publishes about 260 metrics.
  const brokerUsd = 260 * prices.metric.usd;
  const clusterGb =
    runningCells(cells, assumptions.overlapDays / assumptions.sprintDays) * assumptions.clusterLogGbPerMonth;
  return [
    charge("CloudWatch", "logs, metrics, alarms", {
      fixedUsd: brokerUsd + watchUsd(cells === "single" ? 1 : 2) + clusterGb * prices.logsIn.usd,
      documentUsd: (bytes / gigabyte) * prices.logsIn.usd,
      keptUsd: ({ ageDays }) => keptBytesUsd(bytes, prices.logsKept.usd, Math.min(ageDays, stage.logDays)),
    }),
    charge("ECR", "ten images of 0.5 GB", { fixedUsd: 5 * prices.images.usd }),
  ];
}

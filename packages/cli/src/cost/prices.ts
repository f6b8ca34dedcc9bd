/** One list price. `seen`: where the figure was found again when the list was made; null: known from the source, not found again. */
export type Price = { usd: number; per: string; source: string; seen: string | null };

const price = (usd: number, per: string, source: string, seen: string | null = null): Price => ({
  usd,
  per,
  source,
  seen,
});

const s3 = "Amazon S3 pricing";
const glacierGuide = "Glacier and Deep Archive Pricing: The Complete 2026 Cost Guide (June 2026)";
const backupGuide = "AWS Backup Pricing: Warm Storage, Cold Tier, Cross-Region (June 2026)";
const kms = "AWS Key Management Service pricing";
const kmsGuide = "AWS KMS Pricing: Keys, Requests, Multi-Region (June 2026)";
const lambda = "AWS Lambda pricing";
const lambdaGuide = "Lambda cost: x86 and arm64 (May 2026)";
const msk = "Amazon MSK pricing";
const aurora = "Amazon Aurora pricing";
const auroraGuide = "Amazon Aurora Pricing: I/O-Optimized and Serverless v2 (June 2026)";
const vpc = "Amazon VPC pricing";
const natGuide = "AWS NAT Gateway vs VPC Endpoint, Find Break-Even Point (June 2026)";
const waf = "AWS WAF pricing";
const wafGuide = "AWS WAF cost explained (2026)";
const watch = "Amazon CloudWatch pricing";
const watchGuide = "CloudWatch Logs cost optimization (June 2026)";
const route53 = "Amazon Route 53 pricing";
const ec2 = "Amazon EC2 On-Demand pricing";

/**
 * AWS list prices, on demand and in US dollars, as known on the day of `date` from public documentation: the first tier of each,
 * without free tiers, discounts, support and tax. They change without notice: check a decision against the AWS Pricing
 * Calculator. GB are 2^30 bytes, as AWS bills them; a month has 730 hours.
 */
export const priceList = {
  date: "2026-11-20",
  region: "us-east-1",
  /** Where the copies go; its S3 prices are those of `region`. */
  recoveryRegion: "us-west-2",
} as const;

/** The prices of `priceList`, by what is bought. */
export const prices = {
  s3Standard: price(0.023, "GB-month", s3, glacierGuide),
  s3InstantRetrieval: price(0.004, "GB-month", s3, glacierGuide),
  s3DeepArchive: price(0.00099, "GB-month", s3, glacierGuide),
  s3Put: price(0.005, "1,000 requests", s3),
  s3Get: price(0.0004, "1,000 requests", s3),
  s3ToInstantRetrieval: price(0.02, "1,000 lifecycle moves", s3),
  s3ToDeepArchive: price(0.05, "1,000 lifecycle moves", s3),
  s3InstantRetrievalGet: price(0.01, "1,000 requests", s3),
  s3InstantRetrievalRead: price(0.03, "GB retrieved", s3, glacierGuide),
  s3DeepArchiveRestore: price(0.1, "1,000 requests (standard)", s3),
  s3DeepArchiveRead: price(0.02, "GB retrieved (standard)", s3, glacierGuide),
  s3ReplicationTime: price(0.015, "GB replicated within 15 minutes", s3),
  betweenRegions: price(0.02, "GB to another region", ec2, backupGuide),
  betweenZones: price(0.01, "GB, each way", ec2, "AWS NAT Gateway Pricing (2026)"),
  kmsKey: price(1, "key and month, replicas too", kms, kms),
  kmsRequest: price(0.03, "10,000 requests", kms, kmsGuide),
  kmsSign: price(0.15, "10,000 signatures (ECC)", kms, kmsGuide),
  lambdaRequest: price(0.2, "1,000,000 requests", lambda, lambdaGuide),
  lambdaDuration: price(0.0000133334, "GB-second (arm64)", lambda, lambdaGuide),
  httpApiRequest: price(1, "1,000,000 requests", "Amazon API Gateway pricing"),
  sqsRequest: price(0.4, "1,000,000 requests", "Amazon SQS pricing"),
  mskBrokerLarge: price(0.204, "kafka.m7g.large broker-hour", msk),
  mskBrokerSmall: price(0.0456, "kafka.t3.small broker-hour", msk),
  mskStorage: price(0.1, "GB-month", msk, "disks of MSK brokers"),
  auroraCapacity: price(0.12, "ACU-hour", aurora, auroraGuide),
  auroraStorage: price(0.1, "GB-month", aurora, "Aurora Serverless v2 Pricing (May 2026)"),
  auroraIo: price(0.2, "1,000,000 I/Os", aurora, "AWS RDS vs Aurora vs Serverless cost comparison"),
  auroraBackup: price(0.021, "GB-month", aurora),
  vaultBackup: price(
    0.05,
    "GB-month of S3 in AWS Backup, 128 KiB an object at least",
    "AWS Backup pricing",
    "AWS Backup Pricing: Full Breakdown (February 2026)",
  ),
  databaseProxy: price(0.015, "ACU-hour, eight at least", "Amazon RDS Proxy pricing"),
  eksCluster: price(
    0.1,
    "cluster-hour in standard support",
    "Amazon EKS pricing",
    "Amazon EKS Pricing (March 2026)",
  ),
  systemNode: price(
    0.0816,
    "m7g.large hour",
    ec2,
    "Amazon EC2 On-Demand Pricing: Instance Families (June 2026)",
  ),
  workerCpu: price(0.03625, "vCPU-hour of c7g (c7g.xlarge $0.145)", ec2),
  disk: price(0.08, "GB-month (gp3)", "Amazon EBS pricing"),
  natGateway: price(0.045, "gateway-hour", vpc, natGuide),
  natData: price(0.045, "GB", vpc, natGuide),
  publicAddress: price(0.005, "address-hour", vpc, "AWS NAT Gateway Pricing (February 2026)"),
  endpoint: price(0.01, "endpoint-hour and zone", vpc, natGuide),
  endpointData: price(0.01, "GB", vpc, natGuide),
  cdnData: price(0.085, "GB to the internet", "Amazon CloudFront pricing"),
  cdnRequest: price(0.01, "10,000 HTTPS requests", "Amazon CloudFront pricing"),
  wafAcl: price(5, "web ACL and month", waf, wafGuide),
  wafRule: price(1, "rule and month", waf, wafGuide),
  wafRequest: price(0.6, "1,000,000 requests", waf, wafGuide),
  logsIn: price(0.5, "GB", watch, watchGuide),
  logsKept: price(0.03, "GB-month", watch, watchGuide),
  metric: price(0.3, "metric and month", watch),
  alarm: price(0.1, "metric of an alarm and month", watch),
  compositeAlarm: price(0.5, "composite alarm and month", watch),
  cacheData: price(
    0.084,
    "GB-hour, 0.1 GB at least (Valkey)",
    "Amazon ElastiCache pricing",
    "ElastiCache Serverless pricing (June 2026)",
  ),
  cacheWork: price(
    0.0023,
    "1,000,000 ECPUs (Valkey)",
    "Amazon ElastiCache pricing",
    "ElastiCache Serverless pricing (June 2026)",
  ),
  images: price(0.1, "GB-month", "Amazon ECR pricing"),
  zone: price(0.5, "hosted zone and month", route53),
  lookup: price(0.6, "1,000,000 latency lookups", route53),
  healthCheck: price(1.5, "HTTPS check of an AWS endpoint and month", route53),
  secret: price(0.4, "secret and month", "AWS Secrets Manager pricing"),
  activeUser: price(0.015, "active user and month above 10,000", "Amazon Cognito pricing (Essentials)"),
} as const satisfies Record<string, Price>;

/** What S3 bills at least (Amazon S3 pricing; Amazon S3 User Guide, "Understanding and managing storage classes"). */
export const storageMinimums = {
  instantRetrieval: { days: 90, objectBytes: 128 * 1024 },
  /** AWS Backup bills smaller objects of S3 as this (AWS Backup pricing). */
  backup: { objectBytes: 128 * 1024 },
  /** Each object in Deep Archive is billed 32 KiB more there, and 8 KiB in Standard for its name. */
  deepArchive: { days: 180, indexBytes: 32 * 1024, nameBytes: 8 * 1024 },
} as const;

/** Bytes of what AWS calls a GB. */
export const gigabyte = 2 ** 30;
/** Hours of a month, as AWS counts them. */
export const hoursPerMonth = 730;
/** Days of a mean month. */
export const daysPerMonth = 365 / 12;

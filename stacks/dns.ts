import { CfnApiMapping, CfnDomainName } from "aws-cdk-lib/aws-apigatewayv2";
import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import { CfnHealthCheck, CfnRecordSet, HostedZone } from "aws-cdk-lib/aws-route53";
import { Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { type StackContext, use } from "sst/constructs";
import { api, originHost } from "./api.ts";
import { console } from "./console.ts";
import { cellScope, currentDomain, currentSite, currentStage } from "./settings.ts";
import type { Site } from "./site.ts";
import type { CellName } from "./stage.ts";

/** CloudFront's own zone, the same for every distribution. */
const cloudFrontZone = "Z2FDTNDATAQYW2";
type Domain = NonNullable<ReturnType<typeof currentDomain>>;

/**
 * Names. Clients know two: the entry and the console. Behind the entry each cell has its own, answered by whichever region
 * is healthy: PRIMARY and SECONDARY where one region writes, by latency where both may answer. Weights between the cells of
 * a region stand at the entry (edge/choose-cell.js): API Gateway serves a name to one API per region, so no record could.
 */
export function dns({ stack }: StackContext) {
  const domain = currentDomain(stack);
  const { routing } = currentSite();
  if (domain === null) return { healthChecks: [] };
  for (const type of ["A", "AAAA"]) {
    toCloudFront(stack, domain, { name: domain.name, type, target: use(api).distribution.attrDomainName });
    toCloudFront(stack, domain, {
      name: `console.${domain.name}`,
      type,
      target: use(console)!.distribution.attrDomainName,
    });
  }
  const zone = HostedZone.fromHostedZoneAttributes(stack, "Zone", {
    hostedZoneId: domain.zoneId,
    zoneName: domain.zoneName,
  });
  const certificate = new Certificate(stack, "Certificate", {
    domainName: `*.origin.${domain.name}`,
    validation: CertificateValidation.fromDns(zone),
  });
  const healthChecks = currentStage(stack).cells.map((cell) =>
    cellName(cellScope(stack, cell), { cell, domain, routing, certificateArn: certificate.certificateArn }),
  );
  return { healthChecks };
}

function toCloudFront(
  scope: Construct,
  { zoneId }: Domain,
  { name, type, target }: { name: string; type: string; target: string },
): void {
  new CfnRecordSet(scope, `${name.startsWith("console.") ? "Console" : "Entry"}-${type}`, {
    hostedZoneId: zoneId,
    name: `${name}.`,
    type,
    aliasTarget: { dnsName: target, hostedZoneId: cloudFrontZone },
  });
}

type CellNaming = { cell: CellName; domain: Domain; routing: Site["routing"]; certificateArn: string };

function cellName(scope: Construct, { cell, domain, routing, certificateArn }: CellNaming): CfnHealthCheck {
  const { region } = Stack.of(scope);
  const host = originHost(cell, domain.name);
  const made = new CfnDomainName(scope, "Name", {
    domainName: host,
    domainNameConfigurations: [{ certificateArn, endpointType: "REGIONAL", securityPolicy: "TLS_1_2" }],
  });
  const httpApi = use(api).api(cell).cdk.httpApi;
  new CfnApiMapping(scope, "Mapping", { apiId: httpApi.apiId, stage: "$default", domainName: made.ref });
  const healthCheck = new CfnHealthCheck(scope, "Health", {
    healthCheckConfig: {
      type: "HTTPS",
      fullyQualifiedDomainName: made.attrRegionalDomainName,
      enableSni: true,
      port: 443,
      resourcePath: "/ready",
      requestInterval: 30,
      failureThreshold: 3,
    },
    healthCheckTags: [{ key: "Name", value: `${currentStage(scope).name} ${cell} ${region}` }],
  });
  new CfnRecordSet(scope, "Record", {
    hostedZoneId: domain.zoneId,
    name: `${host}.`,
    type: "A",
    setIdentifier: region,
    healthCheckId: healthCheck.ref,
    aliasTarget: {
      dnsName: made.attrRegionalDomainName,
      hostedZoneId: made.attrRegionalHostedZoneId,
      evaluateTargetHealth: true,
    },
    ...(routing === "latency"
      ? { region: region }
      : { failover: routing === "primary" ? "PRIMARY" : "SECONDARY" }),
  });
  return healthCheck;
}

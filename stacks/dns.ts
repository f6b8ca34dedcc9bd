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
  const healthChecks = currentStage(stack).cells.map((cell) => {
    const naming = { cell, domain, routing, certificateArn: certificate.certificateArn };
    return { cell, id: cellName(cellScope(stack, cell), naming).ref };
  });
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

/**
 * Two names for one API: that of the cell, which the healthy region answers, and its own in this region, by which it is
 * asked how it is (asked by the first, a sick region would get its neighbour's answer).
 */
function cellName(scope: Construct, { cell, domain, routing, certificateArn }: CellNaming): CfnHealthCheck {
  const { region } = Stack.of(scope);
  const naming = { cell, domain, certificateArn };
  const own = nameApi(scope, "Own", { ...naming, host: originHost(`${cell}-${region}`, domain.name) });
  const healthCheck = new CfnHealthCheck(scope, "Health", {
    healthCheckConfig: {
      type: "HTTPS",
      fullyQualifiedDomainName: own.host,
      enableSni: true,
      port: 443,
      resourcePath: "/ready",
      requestInterval: 30,
      failureThreshold: 3,
    },
    healthCheckTags: [{ key: "Name", value: `${currentStage(scope).name} ${cell} ${region}` }],
  });
  const { record } = nameApi(scope, "Cell", { ...naming, host: originHost(cell, domain.name) });
  record.setIdentifier = region;
  record.healthCheckId = healthCheck.ref;
  if (routing === "latency") record.region = region;
  else record.failover = routing === "primary" ? "PRIMARY" : "SECONDARY";
  return healthCheck;
}

type ApiNaming = Omit<CellNaming, "routing"> & { host: string };

function nameApi(scope: Construct, id: string, { cell, domain, certificateArn, host }: ApiNaming) {
  const made = new CfnDomainName(scope, `${id}Name`, {
    domainName: host,
    domainNameConfigurations: [{ certificateArn, endpointType: "REGIONAL", securityPolicy: "TLS_1_2" }],
  });
  const { apiId } = use(api).api(cell).cdk.httpApi;
  new CfnApiMapping(scope, `${id}Mapping`, { apiId, stage: "$default", domainName: made.ref });
  const record = new CfnRecordSet(scope, `${id}Record`, {
    hostedZoneId: domain.zoneId,
    name: `${host}.`,
    type: "A",
    aliasTarget: {
      dnsName: made.attrRegionalDomainName,
      hostedZoneId: made.attrRegionalHostedZoneId,
      evaluateTargetHealth: true,
    },
  });
  return { host, record };
}

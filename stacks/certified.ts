import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import { HostedZone } from "aws-cdk-lib/aws-route53";
import type { Construct } from "constructs";
import { currentDomain, currentSite } from "./settings.ts";

/** The name of a distribution, with the certificate that makes it so; nothing without one. */
export const certified = (name: string, certificateArn: string | null) =>
  certificateArn === null
    ? {}
    : {
        aliases: [name],
        viewerCertificate: {
          acmCertificateArn: certificateArn,
          minimumProtocolVersion: "TLSv1.2_2021",
          sslSupportMethod: "sni-only",
        },
      };

/** For the name and the console's; CloudFront wants it in us-east-1, so elsewhere the site brings its own. */
export function edgeCertificate(scope: Construct): string | null {
  const { edge } = currentSite();
  const domain = currentDomain(scope);
  if (domain === null || edge !== null) return edge?.certificateArn ?? null;
  const zone = HostedZone.fromHostedZoneAttributes(scope, "EdgeZone", {
    hostedZoneId: domain.zoneId,
    zoneName: domain.zoneName,
  });
  return new Certificate(scope, "EdgeCertificate", {
    domainName: domain.name,
    subjectAlternativeNames: [`console.${domain.name}`],
    validation: CertificateValidation.fromDns(zone),
  }).certificateArn;
}

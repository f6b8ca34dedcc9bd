import { CfnDistribution, CfnOriginAccessControl } from "aws-cdk-lib/aws-cloudfront";
import { CfnPermission } from "aws-cdk-lib/aws-lambda";
import { Aws, Fn, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { use } from "sst/constructs";
import { cellChooser } from "./cell-chooser.ts";
import { certified, edgeCertificate } from "./certified.ts";
import { firewall } from "./firewall.ts";
import { keys } from "./keys.ts";
import { reader } from "./reader.ts";
import { currentDomain, currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";
import { storage } from "./storage.ts";

/** AWS's own policies, by the ids that its documentation gives them. */
const managed = {
  cachingDisabled: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
  allViewerExceptHost: "b689b0a8-53d0-40ab-baf2-68738e2966ac",
  securityHeaders: "67f7725c-6f97-4210-82d7-5512b31e9d03",
};

/** The one name that clients know: a firewall, then the API or the reader of a cell. */
export function entry(scope: Construct, apiHost: (cell: CellName) => string) {
  const { cells } = currentStage(scope);
  const domain = currentDomain(scope);
  const certificateArn = edgeCertificate(scope);
  const webAclArn = firewall(scope);
  const chooser = cellChooser(scope);
  const control = readerAccess(scope);
  const behaviour = (targetOriginId: string) => ({
    targetOriginId,
    viewerProtocolPolicy: "https-only",
    compress: false, // sealed photographs do not get smaller, and the digest is over what is sent
    cachePolicyId: managed.cachingDisabled,
    originRequestPolicyId: managed.allViewerExceptHost,
    responseHeadersPolicyId: managed.securityHeaders,
    functionAssociations: [{ eventType: "viewer-request", functionArn: chooser.functionArn }],
  });
  const distribution = new CfnDistribution(scope, "Entry", {
    distributionConfig: {
      enabled: true,
      comment: `Strongroom ${currentStage(scope).name}`,
      httpVersion: "http2and3",
      ipv6Enabled: true,
      priceClass: "PriceClass_All",
      ...(webAclArn !== null && { webAclId: webAclArn }),
      origins: cells.flatMap((cell) => [apiOrigin(cell, apiHost(cell)), readerOrigin(cell, control.attrId)]),
      defaultCacheBehavior: {
        ...behaviour(`api-${cells[0]}`),
        allowedMethods: ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
      },
      cacheBehaviors: [
        {
          ...behaviour(`reader-${cells[0]}`),
          pathPattern: "/v1/documents/*/content",
          allowedMethods: ["GET", "HEAD"],
        },
      ],
      logging: {
        bucket: use(storage).logs.bucketRegionalDomainName,
        prefix: "entry/",
        includeCookies: false,
      },
      ...(domain && certified(domain.name, certificateArn)),
    },
  });
  for (const cell of cells) letIn(scope, cell, distribution.attrId);
  const url = domain ? `https://${domain.name}` : `https://${distribution.attrDomainName}`;
  return { url, distribution, certificateArn, webAclArn, weightsArn: chooser.weightsArn };
}

const readerAccess = (scope: Construct): CfnOriginAccessControl =>
  new CfnOriginAccessControl(scope, "ReaderAccess", {
    originAccessControlConfig: {
      name: `${currentStage(scope).name}-reader-${Stack.of(scope).region}`,
      originAccessControlOriginType: "lambda",
      signingBehavior: "always",
      signingProtocol: "sigv4",
    },
  });

const tls = { originProtocolPolicy: "https-only", originSslProtocols: ["TLSv1.2"], originReadTimeout: 60 };

/** Shows the handlers that a request came through the firewall. */
const pass = () => [{ headerName: "x-origin-secret", headerValue: use(keys).originSecrets[0]! }];

const apiOrigin = (cell: CellName, domainName: string) => ({
  id: `api-${cell}`,
  domainName,
  customOriginConfig: tls,
  originCustomHeaders: pass(),
});

const readerOrigin = (cell: CellName, originAccessControlId: string) => ({
  id: `reader-${cell}`,
  domainName: Fn.select(2, Fn.split("/", use(reader)(cell).url!)),
  customOriginConfig: tls,
  originCustomHeaders: pass(),
  originAccessControlId,
});

/** Nobody but this distribution may call a reader; since October 2025 a function URL wants both permissions. */
function letIn(scope: Construct, cell: CellName, distributionId: string): void {
  for (const action of ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]) {
    new CfnPermission(scope, `${action.slice(7)}-${cell}`, {
      action,
      functionName: use(reader)(cell).functionArn,
      principal: "cloudfront.amazonaws.com",
      sourceArn: `arn:${Aws.PARTITION}:cloudfront::${Aws.ACCOUNT_ID}:distribution/${distributionId}`,
    });
  }
}

import { CfnDistribution, CfnOriginAccessControl } from "aws-cdk-lib/aws-cloudfront";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import { Aws, RemovalPolicy } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { type StackContext, use } from "sst/constructs";
import { api } from "./api.ts";
import { certified } from "./certified.ts";
import { consoleHeaders } from "./console-headers.ts";
import { identity } from "./identity.ts";
import { currentDomain, currentStage } from "./settings.ts";
import { storage } from "./storage.ts";

/** AWS's own policy, by the id that its documentation gives it. */
const cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6";

/** The agents' console and the drivers' page: files in a bucket that only CloudFront reads. A release fills it (docs/deploy.md). */
export function console({ stack }: StackContext) {
  if (currentStage(stack).base === "none") return null;
  const domain = currentDomain(stack);
  const { certificateArn, webAclArn, url, distribution: front } = use(api);
  const logs = use(storage).logs;
  const files = createBucket(stack, logs.bucketName);
  const control = new CfnOriginAccessControl(stack, "FilesAccess", {
    originAccessControlConfig: {
      name: `${stack.stage}-console-${stack.region}`,
      originAccessControlOriginType: "s3",
      signingBehavior: "always",
      signingProtocol: "sigv4",
    },
  });
  const distribution = new CfnDistribution(stack, "Console", {
    distributionConfig: {
      enabled: true,
      comment: `Strongroom console ${stack.stage}`,
      httpVersion: "http2and3",
      ipv6Enabled: true,
      defaultRootObject: "index.html",
      ...(webAclArn !== null && { webAclId: webAclArn }),
      origins: [
        {
          id: "files",
          domainName: files.bucketRegionalDomainName,
          s3OriginConfig: {},
          originAccessControlId: control.attrId,
        },
      ],
      defaultCacheBehavior: {
        targetOriginId: "files",
        viewerProtocolPolicy: "redirect-to-https",
        allowedMethods: ["GET", "HEAD"],
        compress: true,
        cachePolicyId: cachingOptimized,
        responseHeadersPolicyId: consoleHeaders(stack, url, use(identity).origins).responseHeadersPolicyId,
      },
      // A page inside the application is the application.
      customErrorResponses: [
        { errorCode: 403, responseCode: 200, responsePagePath: "/index.html", errorCachingMinTtl: 10 },
      ],
      logging: { bucket: logs.bucketRegionalDomainName, prefix: "console-edge/", includeCookies: false },
      ...(domain && certified(`console.${domain.name}`, certificateArn)),
    },
  });
  letIn(files, distribution.attrId);
  stack.addOutputs({ Bucket: files.bucketName, Distribution: distribution.attrId, Entry: front.attrId });
  return { files, distribution };
}

const createBucket = (scope: Construct, logsName: string): Bucket =>
  new Bucket(scope, "Files", {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    removalPolicy: RemovalPolicy.DESTROY, // built from the repository, again at any time
    serverAccessLogsBucket: Bucket.fromBucketName(scope, "Logs", logsName),
    serverAccessLogsPrefix: "console/",
  });

/** Nobody reads the files but this distribution. */
function letIn(files: Bucket, distributionId: string): void {
  files.addToResourcePolicy(
    new PolicyStatement({
      actions: ["s3:GetObject"],
      principals: [new ServicePrincipal("cloudfront.amazonaws.com")],
      resources: [files.arnForObjects("*")],
      conditions: {
        StringEquals: {
          "aws:SourceArn": `arn:${Aws.PARTITION}:cloudfront::${Aws.ACCOUNT_ID}:distribution/${distributionId}`,
        },
      },
    }),
  );
}

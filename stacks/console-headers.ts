import { HeadersFrameOption, HeadersReferrerPolicy, ResponseHeadersPolicy } from "aws-cdk-lib/aws-cloudfront";
import { Duration, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";

/**
 * Scripts of our own only; talks to the API, the issuer and S3 alone; in nobody's frame. Of the issuer its `origins`: a source
 * with a path and no `/` at its end is that path alone.
 */
export function consoleHeaders(
  scope: Construct,
  apiUrl: string,
  origins: readonly string[],
): ResponseHeadersPolicy {
  const s3 = `https://*.s3.${Stack.of(scope).region}.amazonaws.com`;
  return new ResponseHeadersPolicy(scope, "Headers", {
    securityHeadersBehavior: {
      contentSecurityPolicy: {
        contentSecurityPolicy: `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: ${apiUrl}; font-src 'self'; manifest-src 'self'; worker-src 'self'; connect-src 'self' ${apiUrl} ${origins.join(" ")} ${s3}; frame-ancestors 'none'; base-uri 'none'; form-action 'self'`,
        override: true,
      },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
      referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
      strictTransportSecurity: {
        accessControlMaxAge: Duration.days(365),
        includeSubdomains: true,
        override: true,
      },
    },
  });
}

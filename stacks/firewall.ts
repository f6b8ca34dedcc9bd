import { CfnWebACL } from "aws-cdk-lib/aws-wafv2";
import type { Construct } from "constructs";
import { currentSite, currentStage } from "./settings.ts";

/** AWS's rule groups in the order of their priority; a rule that is only counted says why. */
const groups: { name: string; counted?: string[] }[] = [
  { name: "AWSManagedRulesAmazonIpReputationList" },
  // A document of 50 pages declares more than 8 KB of hashes; the handlers limit bodies themselves.
  { name: "AWSManagedRulesCommonRuleSet", counted: ["SizeRestrictions_BODY"] },
  { name: "AWSManagedRulesKnownBadInputsRuleSet" },
];
/** Per address in five minutes; a carrier's yard behind one NAT stays far below (the handlers allow 3,000 a minute). */
const requestsPerFiveMinutes = 20_000;

/** The web ACL of the entry and the console; CloudFront wants it in us-east-1, so elsewhere the site brings its own. A person's stage has none: $9 a month guard nothing there. */
export function firewall(scope: Construct): string | null {
  const { edge } = currentSite();
  if (currentStage(scope).base === "none") return null;
  if (edge !== null) return edge.webAclArn;
  const seen = (metricName: string) => ({
    cloudWatchMetricsEnabled: true,
    sampledRequestsEnabled: true,
    metricName,
  });
  const acl = new CfnWebACL(scope, "Firewall", {
    name: `${currentStage(scope).name}-strongroom`,
    scope: "CLOUDFRONT",
    defaultAction: { allow: {} },
    visibilityConfig: seen("firewall"),
    rules: [
      ...groups.map(({ name, counted = [] }, priority) => ({
        name,
        priority,
        overrideAction: { none: {} },
        visibilityConfig: seen(name),
        statement: {
          managedRuleGroupStatement: {
            vendorName: "AWS",
            name,
            ruleActionOverrides: counted.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
          },
        },
      })),
      {
        name: "rate",
        priority: groups.length,
        action: { block: { customResponse: { responseCode: 429 } } },
        visibilityConfig: seen("rate"),
        statement: { rateBasedStatement: { limit: requestsPerFiveMinutes, aggregateKeyType: "IP" } },
      },
    ],
  });
  return acl.attrArn;
}

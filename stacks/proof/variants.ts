import type { Variant } from "./synthesize.ts";

/** Where the tokens of the site's own issuer name person and tenant. */
export const itsClaims = { user: "oid", tenant: "https://example.com/tenant" };

/** Every way in which the stacks are made for their proof: stages, cells and sites. */
export const variants = {
  "production, two cells": { stage: "production" },
  "production, odd active": { stage: "production", cells: "odd,even" },
  "production, one cell": { stage: "production", cells: "even" },
  "staging, two cells": { stage: "staging" },
  "staging, one cell": { stage: "staging", cells: "odd" },
  "dev, one cell": { stage: "dev" },
  "dev, two cells": { stage: "dev", cells: "even,odd" },
  "a pull request": { stage: "pr-12" },
  "a person, live debugging": { stage: "ann", isLive: true },
  "production's copy": { stage: "production-recovery" },
  "staging's copy": { stage: "staging-recovery" },
  "a site with nothing of its own": {
    stage: "staging",
    site: { domain: null, repository: null, alarmEmail: null, recoveryRegion: null },
  },
  "a site with an issuer, in Europe": {
    stage: "production",
    site: {
      issuer: { url: "https://login.example.com/oauth2/default", audience: "strongroom", claims: itsClaims },
      region: "eu-central-1",
      routing: "latency" as const,
      edge: {
        certificateArn: "arn:aws:acm:us-east-1:111122223333:certificate/example",
        webAclArn: "arn:aws:wafv2:us-east-1:111122223333:global/webacl/example/1",
      },
    },
  },
} as const satisfies Record<string, Variant>;

import { type ClaimNames, defaultClaims } from "@strongroom/core/claim-names";
import {
  AccountRecovery,
  CfnUserPoolGroup,
  FeaturePlan,
  LambdaVersion,
  Mfa,
  OAuthScope,
  StringAttribute,
  UserPool,
  UserPoolOperation,
} from "aws-cdk-lib/aws-cognito";
import { Code, Function as Lambda, Runtime } from "aws-cdk-lib/aws-lambda";
import { Duration } from "aws-cdk-lib/core";
import type { StackContext } from "sst/constructs";
import { functionLogs } from "./logs.ts";
import { dataRemoval } from "./retention.ts";
import { currentDomain, currentSite, currentStage } from "./settings.ts";
import { claimsSource } from "./token-claims.ts";

/** Who says who somebody is, and in which claims. The gateway checks tokens first, the handlers' own chain decides. */
export type Identity = {
  issuer: string;
  audience: string;
  claims: ClaimNames;
  /** Where a browser finds discovery, keys and tokens: `https://` and a host, no path. */
  origins: string[];
};

/** The company's own issuer if one is configured; else Cognito with people that only an admin may add. */
export function identity({ stack }: StackContext): Identity {
  const { issuer } = currentSite();
  if (issuer !== null) {
    const { url, audience, claims } = issuer;
    return { issuer: url, audience, claims, origins: [new URL(url).origin] };
  }
  return people({ stack });
}

function people({ stack }: Pick<StackContext, "stack">): Identity {
  const domain = currentDomain(stack);
  const stage = currentStage(stack);
  const pool = new UserPool(stack, "People", {
    featurePlan: FeaturePlan.ESSENTIALS, // the first plan whose access tokens may carry the tenant
    selfSignUpEnabled: false,
    signInAliases: { email: true },
    signInCaseSensitive: false,
    accountRecovery: AccountRecovery.EMAIL_ONLY,
    mfa: stage.protects ? Mfa.REQUIRED : Mfa.OPTIONAL,
    mfaSecondFactor: { otp: true, sms: false },
    passwordPolicy: {
      minLength: 12,
      requireDigits: true,
      requireLowercase: true,
      requireUppercase: true,
      requireSymbols: true,
      tempPasswordValidity: Duration.days(3),
    },
    customAttributes: { tenant: new StringAttribute({ mutable: false, minLen: 36, maxLen: 36 }) },
    deletionProtection: stage.protects,
    removalPolicy: dataRemoval(stage),
  });
  const claims = new Lambda(stack, "Claims", {
    runtime: Runtime.NODEJS_22_X,
    handler: "index.handler",
    code: Code.fromInline(claimsSource),
    logGroup: functionLogs(stack, "ClaimsLogs"),
  });
  pool.addTrigger(UserPoolOperation.PRE_TOKEN_GENERATION_CONFIG, claims, LambdaVersion.V2_0);
  const signIn = pool.addDomain("SignIn", {
    cognitoDomain: { domainPrefix: `strongroom-${stage.name}-${stack.node.addr.slice(-6)}` },
  });
  const home = domain ? `https://console.${domain.name}/` : "http://localhost:5173/";
  const client = pool.addClient("Clients", {
    generateSecret: false,
    preventUserExistenceErrors: true,
    enableTokenRevocation: true,
    accessTokenValidity: Duration.minutes(15),
    refreshTokenValidity: Duration.days(30),
    oAuth: {
      flows: { authorizationCodeGrant: true },
      scopes: [OAuthScope.OPENID],
      callbackUrls: [home],
      logoutUrls: [home],
    },
  });
  new CfnUserPoolGroup(stack, "Beta", {
    userPoolId: pool.userPoolId,
    groupName: "beta",
    description: "Served by the passive cell",
  });
  return {
    issuer: pool.userPoolProviderUrl,
    audience: client.userPoolClientId,
    claims: defaultClaims, // as the trigger above writes them
    origins: [`https://cognito-idp.${stack.region}.amazonaws.com`, signIn.baseUrl()], // tokens come from where people sign in
  };
}

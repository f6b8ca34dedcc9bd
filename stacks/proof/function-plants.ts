import { defaultClaims } from "@strongroom/core/claim-names";
import { claimsAreRead } from "./environments.ts";
import * as functions from "./function-rules.ts";
import { type Plant, props } from "./plant.ts";

/** Each breaks one resource around a healthy stage's functions in one way. */
export const functionPlants: Plant[] = [
  [
    "a schedule whose call Lambda repeats",
    () => functions.schedulesCallOnce,
    "AWS::Lambda::EventInvokeConfig",
    /Sweep/,
    (one) => (props(one)["MaximumRetryAttempts"] = 2),
  ],
  [
    "a schedule whose call waits beyond the next",
    () => functions.schedulesCallOnce,
    "AWS::Lambda::EventInvokeConfig",
    /Reconcile/,
    (one) => (props(one)["MaximumEventAgeInSeconds"] = 21_600),
  ],
  [
    "a schedule whose call is delivered again",
    () => functions.schedulesCallOnce,
    "AWS::Events::Rule",
    /^evenReconcile/,
    (one) => delete props(one)["Targets"][0]["RetryPolicy"],
  ],
  [
    "a function whose group Lambda makes",
    () => functions.functionsKeepTheirLogs,
    "AWS::Lambda::Function",
    /^Claims/,
    (one) => delete props(one)["LoggingConfig"],
  ],
  [
    "a log that nobody forgets",
    () => functions.functionsKeepTheirLogs,
    "AWS::Logs::LogGroup",
    /^ClaimsLogs/,
    (one) => delete props(one)["RetentionInDays"],
  ],
  [
    "a reader that is told no claim of the tenant",
    () => claimsAreRead(defaultClaims),
    "AWS::Lambda::Function",
    /^evenReader/,
    (one) => delete props(one)["Environment"]["Variables"]["STRONGROOM_TENANT_CLAIM"],
  ],
  [
    "a route that takes another claim for the person",
    () => claimsAreRead(defaultClaims),
    "AWS::Lambda::Function",
    /^oddshowMe/i,
    (one) => (props(one)["Environment"]["Variables"]["STRONGROOM_USER_CLAIM"] = "oid"),
  ],
  [
    "workers that are told no claims",
    () => claimsAreRead(defaultClaims),
    "AWS::SSM::Parameter",
    /Environment/,
    (one) => (props(one)["Value"] = "{}"),
  ],
  [
    "a reader that takes all of the account",
    () => functions.readersLeaveRoom,
    "AWS::Lambda::Function",
    /^evenReadereven/,
    (one) => delete props(one)["ReservedConcurrentExecutions"],
  ],
];

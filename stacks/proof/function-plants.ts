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
    "a reader that takes all of the account",
    () => functions.readersLeaveRoom,
    "AWS::Lambda::Function",
    /^evenReadereven/,
    (one) => delete props(one)["ReservedConcurrentExecutions"],
  ],
];

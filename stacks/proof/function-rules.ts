import { type Found, idOf, nameOf, resourcesOf, type Rule } from "./find.ts";

const periods: Record<string, number> = { "rate(1 minute)": 60, "rate(1 hour)": 3_600 };

/** What a schedule calls is called once: Lambda neither repeats what failed nor keeps a call until the next one is due. */
export const schedulesCallOnce: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::Events::Rule").flatMap((rule) => {
    const { ScheduleExpression, Targets = [] } = rule.properties as {
      ScheduleExpression?: string;
      Targets?: { Arn: unknown; RetryPolicy?: { MaximumRetryAttempts?: number } }[];
    };
    if (ScheduleExpression === undefined) return [];
    const asked = resourcesOf(synthesis, "AWS::Lambda::EventInvokeConfig");
    const isOnce = Targets.every(({ Arn, RetryPolicy }) => {
      const config = asked.find(
        ({ stack, properties }) => stack === rule.stack && idOf(properties["FunctionName"]) === idOf(Arn),
      );
      return (
        RetryPolicy?.MaximumRetryAttempts === 0 &&
        config?.properties["MaximumRetryAttempts"] === 0 &&
        Number(config.properties["MaximumEventAgeInSeconds"]) <= (periods[ScheduleExpression] ?? 0)
      );
    });
    return isOnce ? [] : [`${nameOf(rule)}: a call may come again, or late`];
  });

/** CDK's and SST's, whose groups Lambda makes: docs/deploy.md, Tear down. */
const isHelper = ({ id }: Found): boolean =>
  /^(CustomResourceHandler|BucketNotificationsHandler|CustomS3AutoDelete|AWS679f53fac002430cb0da5b7982bd2287)/.test(
    id,
  );

/** Every function writes into a group of its stack, which is encrypted and forgets. */
export const functionsKeepTheirLogs: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::Lambda::Function")
    .filter((found) => !isHelper(found))
    .filter(({ stack, properties }) => {
      const { LogGroup } = (properties["LoggingConfig"] ?? {}) as { LogGroup?: unknown };
      const group = synthesis.templates[stack]!.Resources[idOf(LogGroup) ?? ""];
      return !group?.Properties?.["RetentionInDays"] || !group.Properties["KmsKeyId"];
    })
    .map((found) => `${nameOf(found)} has no log group of ours`);

/** What an account has by default, and what of it Lambda lets nobody reserve. */
const [concurrency, unreserved] = [1_000, 100];

/** Readers, whose calls last for as long as somebody reads, have a bound of their own, and leave half of the account to all others. */
export const readersLeaveRoom: Rule = (synthesis) => {
  const readers = resourcesOf(synthesis, "AWS::Lambda::Function").filter(
    ({ stack, id }) => stack === "reader" && /Reader(even|odd)/.test(id),
  );
  const bounds = readers.map(({ properties }) => Number(properties["ReservedConcurrentExecutions"] ?? NaN));
  const reserved = bounds.reduce((sum, bound) => sum + bound, 0);
  return reserved <= (concurrency - unreserved) / 2
    ? []
    : [`readers take ${reserved} of the account's ${concurrency} calls at once`];
};

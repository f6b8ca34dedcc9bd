import { type Route, routes } from "@strongroom/core/api";
import { type Found, idOf, nameOf, resourcesOf, type Rule } from "./find.ts";
import type { Synthesis, Template } from "./synthesize.ts";

/** A queue says where its dead letters go, or is where they go. What EC2 says of a node is worth nothing five minutes later. */
export const everyQueueHasDeadLetters: Rule = (synthesis) => {
  const all = resourcesOf(synthesis, "AWS::SQS::Queue");
  const target = ({ properties }: Found) =>
    idOf((properties["RedrivePolicy"] as { deadLetterTargetArn?: unknown } | undefined)?.deadLetterTargetArn);
  const targets = new Set(all.map((queue) => `${queue.stack}/${target(queue)}`));
  return all
    .filter((queue) => !target(queue) && !targets.has(nameOf(queue)) && !/Interruptions/.test(queue.id))
    .map((queue) => `${nameOf(queue)} has no dead letters`);
};

/** Each route of core but the reader's is served in each cell, behind the token check unless it is public. */
export const routesAreGuarded: Rule = (synthesis) => {
  const served = resourcesOf(synthesis, "AWS::ApiGatewayV2::Route");
  const wanted = Object.entries(routes as Record<string, Route>).filter(([name]) => name !== "readDocument");
  const isPublic = new Set(
    wanted.flatMap(([, { access, method, path }]) => (access === "public" ? [`${method} ${path}`] : [])),
  );
  const open = served.filter(
    ({ properties }) => properties["AuthorizationType"] !== "JWT" || !properties["AuthorizerId"],
  );
  const cells = resourcesOf(synthesis, "AWS::ApiGatewayV2::Api").length;
  const missing = wanted.filter(
    ([, { method, path }]) =>
      served.filter(({ properties }) => properties["RouteKey"] === `${method} ${path}`).length !== cells,
  );
  return [
    ...open
      .filter(({ properties }) => !isPublic.has(String(properties["RouteKey"])))
      .map(({ properties }) => `${String(properties["RouteKey"])} has no authorizer`),
    ...missing.map(([name]) => `${name} is not served in each of ${cells} cells`),
  ];
};

/** A reader is called by CloudFront alone, and streams. */
export const readersAreShut: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::Lambda::Url").flatMap((url) =>
    url.properties["AuthType"] === "AWS_IAM" && url.properties["InvokeMode"] === "RESPONSE_STREAM"
      ? []
      : [`${nameOf(url)} is open, or does not stream`],
  );

/** The entry shows every function that it leads to the secret which that function asks for. */
export const entryShowsItsPass: Rule = (synthesis) => {
  const origins = resourcesOf(synthesis, "AWS::CloudFront::Distribution").flatMap(({ stack, properties }) =>
    stack === "api" ? originsOf(properties) : [],
  );
  const shown = origins.map(({ OriginCustomHeaders = [] }) =>
    JSON.stringify(
      OriginCustomHeaders.find(({ HeaderName }) => HeaderName === "x-origin-secret")?.HeaderValue,
    ),
  );
  const asking = resourcesOf(synthesis, "AWS::Lambda::Function").filter(
    ({ stack, properties }) =>
      ["api", "reader"].includes(stack) && "STRONGROOM_CELL" in variablesOf(properties),
  );
  return [
    ...shown.filter((value) => !value?.includes("OriginSecret")).map(() => "an origin is shown no secret"),
    ...asking
      .filter(
        ({ properties }) =>
          !shown.includes(JSON.stringify(variablesOf(properties)["STRONGROOM_ORIGIN_SECRET"])),
      )
      .map((found) => `${nameOf(found)} asks for no secret, or another`),
  ];
};

type Origin = { OriginCustomHeaders?: { HeaderName: string; HeaderValue: unknown }[] };
const originsOf = (properties: Record<string, unknown>): Origin[] =>
  (properties["DistributionConfig"] as { Origins: Origin[] }).Origins;
const variablesOf = (properties: Record<string, unknown>): Record<string, unknown> =>
  (properties["Environment"] as { Variables?: Record<string, unknown> } | undefined)?.Variables ?? {};

/** A message stays hidden at least six times as long as its function may take. */
export const visibilityCoversTimeout: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::Lambda::EventSourceMapping").flatMap((mapping) => {
    const functionOf =
      synthesis.templates[mapping.stack]!.Resources[idOf(mapping.properties["FunctionName"])!];
    const timeout = Number(functionOf?.Properties?.["Timeout"]);
    const queue = importedQueue(synthesis, mapping.properties["EventSourceArn"]);
    const visible = Number(queue?.properties["VisibilityTimeout"]);
    const partial =
      JSON.stringify(mapping.properties["FunctionResponseTypes"]) === '["ReportBatchItemFailures"]';
    return [
      ...(visible >= 6 * timeout
        ? []
        : [`${nameOf(mapping)}: visibility ${visible} s, timeout ${timeout} s`]),
      ...(partial ? [] : [`${nameOf(mapping)} fails whole batches`]),
    ];
  });

/** CDK's exports name the logical id of what they export. */
function importedQueue(synthesis: Synthesis, value: unknown): Found | undefined {
  const imported = String((value as { "Fn::ImportValue"?: string })["Fn::ImportValue"] ?? "");
  return resourcesOf(synthesis, "AWS::SQS::Queue").find(
    ({ id }) => imported.includes(`GetAtt${id}Arn`) || id === idOf(value),
  );
}

const lasting = [
  "AWS::S3::Bucket",
  "AWS::KMS::Key",
  "Custom::KeyReplica",
  "AWS::RDS::DBCluster",
  "AWS::Cognito::UserPool",
  "AWS::Backup::BackupVault",
  "AWS::ECR::Repository",
];

/** Production's data survives its stack. */
export const productionRetains: Rule = (synthesis) => [
  ...lasting
    .flatMap((type) => resourcesOf(synthesis, type))
    .filter(
      ({ stack, resource }) =>
        stack !== "console" &&
        !["Retain", "Snapshot", "RetainExceptOnCreate"].includes(resource.DeletionPolicy ?? ""),
    )
    .map((found) => `${nameOf(found)} goes with its stack`),
  ...["AWS::RDS::DBCluster", "AWS::EKS::Cluster"]
    .flatMap((type) => resourcesOf(synthesis, type))
    .filter(({ properties }) => properties["DeletionProtection"] !== true)
    .map((found) => `${nameOf(found)} can be deleted`),
];

/** Stages that protect nothing leave nothing that goes on billing. AWS deletes no vault that holds a backup. */
export const othersLeaveNothing: Rule = (synthesis) => [
  ...[...lasting, "AWS::Logs::LogGroup"]
    .flatMap((type) => resourcesOf(synthesis, type))
    .filter(({ resource }) => resource.DeletionPolicy !== "Delete")
    .map((found) => `${nameOf(found)} stays behind`),
  ...resourcesOf(synthesis, "AWS::Backup::BackupVault").map((found) => `${nameOf(found)} cannot be removed`),
];

/** An account number in a template is the one that it was made for. */
export const noForeignAccount =
  (account: string): Rule =>
  ({ templates }) =>
    Object.entries(templates).flatMap(([stack, { Resources }]) => {
      const numbers = JSON.stringify(Resources).match(/(?<![\w.-])\d{12}(?![\w.-])/g) ?? [];
      return numbers
        .filter((number) => number !== account)
        .map((number) => `${stack} names account ${number}`);
    });

/** What takes tags says whose cost it is, and never a tenant. CDK's own bucket emptier takes none. */
export const untagged =
  (tagsOf: (type: string) => { property: string } | null): Rule =>
  ({ templates }) =>
    Object.entries(templates).flatMap(([stack, { Resources }]) =>
      Object.entries(Resources).flatMap(([id, { Type, Properties = {} }]) => {
        const takes = tagsOf(Type);
        if (takes === null || id.startsWith("CustomS3AutoDeleteObjects")) return [];
        const keys = tagKeys(Properties[takes.property]);
        const missing = ["app", "stage", "cell"].filter((key) => !keys.includes(key));
        const tenant = keys.filter((key) => /tenant/i.test(key));
        return missing.length + tenant.length === 0
          ? []
          : [`${stack}/${id} (${Type}): lacks ${missing.join(", ")} ${tenant.join(", ")}`];
      }),
    );

/** A list of `Key` and `Value`, a map, or, for node groups and the like, a list under another spelling. */
const tagKeys = (tags: unknown): string[] =>
  Array.isArray(tags)
    ? tags.map((tag: { Key?: string; key?: string }) => tag.Key ?? tag.key ?? "")
    : Object.keys((tags as object | undefined) ?? {});

/** CloudFormation takes 500 resources and 1 MB a template. */
export const templatesAreSmall: Rule = ({ templates }) =>
  Object.entries(templates).flatMap(([stack, template]) =>
    isSmall(template) ? [] : [`${stack} is too large`],
  );
const isSmall = (template: Template) =>
  Object.keys(template.Resources).length <= 500 && JSON.stringify(template).length <= 1_000_000;

/** MSK makes topics for CloudFormation in provisioned clusters alone. A cluster that is borrowed is none of the template's. */
export const topicsHaveBrokers: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::MSK::Topic")
    .filter(({ stack, properties }) => {
      const cluster = synthesis.templates[stack]!.Resources[idOf(properties["ClusterArn"])!];
      return cluster !== undefined && cluster.Type !== "AWS::MSK::Cluster";
    })
    .map((topic) => `${nameOf(topic)} is in a cluster that makes no topics`);

/** Nothing had to be looked up in an account. */
export const nothingLookedUp: Rule = ({ missing }) =>
  missing === undefined ? [] : [`missing context: ${JSON.stringify(missing)}`];

/** The handlers that functions name, as SST writes them down. */
export function handlersOf({ templates }: Synthesis): string[] {
  const outputs = Object.values(templates).flatMap(({ Outputs }) =>
    Outputs?.["SSTMetadata"] ? [JSON.stringify(Outputs["SSTMetadata"].Value)] : [],
  );
  return outputs.flatMap((text) => [...text.matchAll(/packages\/[\w/-]+\.\w+/g)].map(([handler]) => handler));
}

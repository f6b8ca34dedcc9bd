import { actionsOf, nameOf, resourcesOf, type Rule, type Statement, statementsOf } from "./find.ts";
import type { Synthesis } from "./synthesize.ts";

/** What our own roles may do, by policy; CDK's and SST's helpers, which never see a document, are told by their names. */
export function policiesOf({ templates }: Synthesis): { name: string; statements: Statement[] }[] {
  const types = {
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
  };
  return Object.entries(templates).flatMap(([stack, { Resources }]) =>
    Object.entries(Resources).flatMap(([id, { Type, Properties = {} }]) =>
      Type in types
        ? [
            {
              name: `${stack}/${id}`,
              statements: statementsOf(Properties[types[Type as keyof typeof types]]),
            },
          ]
        : [],
    ),
  );
}

/** No wildcard in an allowed action on keys, secrets, documents, queues, topics, databases. */
export const noWildcardOnData: Rule = (synthesis) =>
  policiesOf(synthesis).flatMap(({ name, statements }) =>
    statements
      .filter(({ Effect }) => Effect === "Allow")
      .flatMap(actionsOf)
      .filter(
        (action) =>
          action === "*" ||
          (/^(kms|secretsmanager|s3|sqs|kafka-cluster|rds-db|ssm):/.test(action) && action.includes("*")),
      )
      .filter((action) => !isHelper(name, action))
      .map((action) => `${name} allows ${action}`),
  );

/** CDK's helper empties a throw-away bucket by wildcard grants in that bucket's own policy. */
export const isHelper = (name: string, action: string) =>
  /^(storage|console|recovery)\/\w*Policy[0-9A-F]{8}$/.test(name) &&
  /^s3:(GetBucket|List|DeleteObject)\*$/.test(action);

/** Only readers and openers may open what is stored; the processor makes keys. */
export const onlyOpenersOpen: Rule = (synthesis) =>
  policiesOf(synthesis).flatMap(({ name, statements }) =>
    statements
      .filter(
        (statement) =>
          statement.Effect === "Allow" &&
          actionsOf(statement).some((action) => /^kms:(Decrypt|ReEncryptFrom)$/.test(action)) &&
          namesDataKey(statement.Resource),
      )
      .filter(() => !/^(reader\/\w*ReaderRole|cluster\/\w*openerrole)/.test(name))
      .map(() => `${name} may open data keys`),
  );
const namesDataKey = (resource: unknown) => JSON.stringify(resource ?? "").includes("DataKey");

/** The key itself refuses everybody else. */
export const keyRefusesOthers: Rule = (synthesis) =>
  resourcesOf(synthesis, "AWS::KMS::Key")
    .filter(({ id }) => id.startsWith("DataKey"))
    .flatMap((key) => {
      const deny = statementsOf(key.properties["KeyPolicy"]).find(
        ({ Effect, ...rest }) => Effect === "Deny" && actionsOf({ Effect, ...rest }).includes("kms:Decrypt"),
      );
      const named = JSON.stringify(deny?.Condition?.["ArnNotLike"] ?? {});
      return /strongroom-reader-even/.test(named) && /strongroom-opener-odd/.test(named)
        ? []
        : [`${nameOf(key)} lets IAM alone decide who opens`];
    });

/** Whatever Karpenter makes or ends bears its cluster's tag; what has no tag yet, it may only start from. */
export const karpenterIsHeld: Rule = (synthesis) =>
  policiesOf(synthesis)
    .filter(({ name }) => /Karpenterrole/.test(name))
    .flatMap(({ name, statements }) =>
      statements
        .filter((statement) =>
          actionsOf(statement).some((action) =>
            /^ec2:(Terminate|Delete|CreateLaunchTemplate|CreateTags)/.test(action),
          ),
        )
        .filter(({ Condition }) => !JSON.stringify(Condition ?? {}).includes("kubernetes.io/cluster/"))
        .map((statement) => `${name}: ${actionsOf(statement).join(", ")} on anything`),
    );

/** Who comes by the proxy is allowed in there; the proxy itself and the workers come to the cluster. */
export const loginsFitTheirDoor: Rule = (synthesis) => {
  const isProxied = resourcesOf(synthesis, "AWS::RDS::DBProxy").length > 0;
  return policiesOf(synthesis).flatMap(({ name, statements }) => {
    const isDirect = !isProxied || /^(cluster|database)\//.test(name);
    return statements
      .filter((statement) => actionsOf(statement).includes("rds-db:connect"))
      .flatMap(({ Resource }) => Resource)
      .filter((user) => JSON.stringify(user).includes("DBProxyArn") === isDirect)
      .map(() => `${name} may come in by another door than its own`);
  });
};

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { watchShape } from "@strongroom/cli/cost/watch-charge";
import { routes } from "@strongroom/core/api";
import { defaultClaims } from "@strongroom/core/claim-names";
import { readConfig } from "@strongroom/core/config";
import { notifier } from "@strongroom/core/notice/notify-user";
import { beforeAll, describe, expect, test } from "vitest";
import { grants } from "../api.ts";
import { fileOf } from "../functions.ts";
import * as access from "./access-rules.ts";
import * as alarms from "./alarm-rules.ts";
import * as buckets from "./bucket-rules.ts";
import { clusterPlants } from "./cluster-plants.ts";
import * as clusters from "./cluster-rules.ts";
import * as databases from "./database-rules.ts";
import { claimsAreRead, environmentsOf } from "./environments.ts";
import { resourcesOf, type Rule } from "./find.ts";
import * as functions from "./function-rules.ts";
import { grantPlants } from "./grant-plants.ts";
import * as grantRules from "./grant-rules.ts";
import * as keys from "./key-rules.ts";
import { nodeClassFinds } from "./node-class.ts";
import { fitsSchemas, plants } from "./plants.ts";
import { podPlants } from "./pod-plants.ts";
import * as pods from "./pod-rules.ts";
import * as rules from "./rules.ts";
import { Schemas } from "./schema.ts";
import { judge } from "./suppressions.ts";
import { account, synthesize, type Synthesis } from "./synthesize.ts";
import { itsClaims, variants } from "./variants.ts";

type Name = keyof typeof variants;
const names = Object.keys(variants) as Name[];
const production = names.filter((name) => name.startsWith("production") || name.endsWith("Europe"));

let all: Map<string, Synthesis>;
let schemas: Schemas;
beforeAll(async () => {
  [all, schemas] = await Promise.all([synthesize(variants), Schemas.open()]);
}, 480_000);
const made = (name: Name) => all.get(name)!;
const types = (name: Name) =>
  new Set(
    Object.values(made(name).templates).flatMap(({ Resources }) =>
      Object.values(Resources).map(({ Type }) => Type),
    ),
  );

describe.each(names)("%s", (name) => {
  test.each<[string, Rule]>([
    ["has no public bucket", buckets.noPublicBucket],
    ["is reached over TLS only", buckets.bucketsOverTlsOnly],
    ["refuses writes whose length nobody signed, and overwriting", buckets.writesAreClosed],
    ["locks no object by default", buckets.noDefaultLock],
    ["lets old versions go", buckets.oldVersionsGo],
    ["has dead letters behind every queue", rules.everyQueueHasDeadLetters],
    ["serves every route, behind the token check unless it is public", rules.routesAreGuarded],
    ["has readers that only CloudFront calls", rules.readersAreShut],
    ["shows the secret of the entry to all that ask for it", rules.entryShowsItsPass],
    ["hides a message six times as long as its function may take", rules.visibilityCoversTimeout],
    ["allows no wildcard on data, keys and queues", access.noWildcardOnData],
    ["lets only readers and openers open", access.onlyOpenersOpen],
    ["has a key that refuses everybody else", access.keyRefusesOthers],
    ["has its keys wherever it has copies", keys.copiesHaveTheirKeys],
    ["lets everybody into the database by the door that they come to", access.loginsFitTheirDoor],
    ["makes a proxy's targets after the instances", databases.targetsWaitForInstances],
    ["keeps the database's log under its key, and for its time", databases.databaseLogsAreOurs],
    ["has backups that nobody shortens", databases.backupsAreLocked],
    ["holds Karpenter by its cluster's tag", access.karpenterIsHeld],
    ["lets CDK's kubectl function into each cluster, and it alone", clusters.kubectlGetsIn],
    ["has room on its system nodes for all that runs before Karpenter", clusters.systemNodesHoldTheRest],
    ["encrypts both disks of its nodes", clusters.bottlerocketHasItsDisks],
    ["trusts the account's provider of GitHub and makes none", clusters.takesTheAccountsProvider],
    ["calls what it schedules once", functions.schedulesCallOnce],
    ["has a log group for each function", functions.functionsKeepTheirLogs],
    ["lets only the relay write checkpoints, and nobody remove them", grantRules.onlyRelayWritesCheckpoints],
    ["lets openers read and open, and do nothing else", grantRules.openersOnlyOpen],
    ["shows whoever reads what is missing", grantRules.whoReadsSeesWhatIsMissing],
    ["lists no more of staging and vault than it must", grantRules.listsAreHeld],
    ["leaves others their calls, however long its readers read", functions.readersLeaveRoom],
    ["makes its nodes after the entry of their role", clusters.nodesWaitForTheirAccess],
    ["has its topics in a cluster that makes them", rules.topicsHaveBrokers],
    ["rings for every event that breaks a proof", alarms.eventsRing],
    ["gathers what its pods write", pods.podsAreHeard],
    ["hears that its notifiers are behind", pods.noticesAreWatched(notifier)],
    ["takes silence for a fault where it is one", alarms.silenceRings],
    ["stays red from one sweep to the next while documents are unknown", alarms.unknownStaysRed],
    ["remembers unknown documents while sweeps see a part of the vault", alarms.partsAreRemembered],
    ["names no account but its own", rules.noForeignAccount(account)],
    ["fits into CloudFormation", rules.templatesAreSmall],
    ["needs to look nothing up", rules.nothingLookedUp],
  ])("%s", (_title, rule) => {
    expect(rule(made(name))).toEqual([]);
  });

  test("is what CloudFormation's schemas describe", () => {
    expect(fitsSchemas(schemas)(made(name))).toEqual([]);
  });

  test("bears app, stage and cell on everything that takes tags, and no tenant", () => {
    expect(rules.untagged((type) => schemas.tagsOf(type))(made(name))).toEqual([]);
  });
});

test.each(production)("%s keeps its data when its stacks go", (name) => {
  expect(rules.productionRetains(made(name))).toEqual([]);
});

test.each(production)("%s keeps its tombstones and checkpoints", (name) => {
  expect(buckets.proofsStay(made(name))).toEqual([]);
});

test.each(names.filter((name) => !production.includes(name)))(
  "%s leaves nothing behind that goes on billing",
  (name) => {
    expect(rules.othersLeaveNothing(made(name))).toEqual([]);
  },
);

test("cdk-nag finds nothing that is not explained, and every explanation is needed", () => {
  const { open, unused } = judge([...all.values()].flatMap(({ findings }) => findings));
  expect(open).toEqual([]);
  expect(unused).toEqual([]);
});

test.each(names)("%s watches its way in, where it has alarms and CloudFront its metrics", (name) => {
  const isWatched = alarms.entryIsWatched(made(name)).length === 0;
  expect(isWatched).toBe(!/Europe|live debugging/.test(name));
});

test("every handler that a stack names is exported by its file, and each kind of function is there", async () => {
  const handlers = new Set(names.flatMap((name) => rules.handlersOf(made(name))));
  expect([...handlers]).toEqual(
    expect.arrayContaining(
      [
        "api/accept-upload",
        "ingest/ingest-upload",
        "reader/read-document",
        "schedule/reconcile",
        "schedule/sweep",
      ].map((file) => `packages/functions/src/${file}.handler`),
    ),
  );
  for (const handler of handlers) {
    const [, file, name] = /^packages\/functions\/src\/(.+)\.(\w+)$/.exec(handler)!;
    expect(
      existsSync(fileURLToPath(new URL(`../../packages/functions/src/${file}.ts`, import.meta.url))),
      handler,
    ).toBe(true);
    const module = (await import(`@strongroom/functions/${file}`)) as Record<string, unknown>;
    expect(module[name!], handler).toBeTypeOf("function");
  }
});

test.each(["api", "reader", "ingest", "schedules"])(
  "core reads its configuration from what the functions of %s are given",
  (stack) => {
    for (const name of [
      "production, two cells",
      "a site with nothing of its own",
      "a site with an issuer, in Europe",
    ] as const) {
      const given = environmentsOf(made(name), stack);
      expect(given.length).toBeGreaterThan(0);
      for (const environment of given) {
        const config = readConfig(environment);
        expect(config.backend).toMatchObject({
          kind: "aws",
          database: { auth: "iam" },
          kafka: { auth: { kind: "msk-iam" } },
        });
        if (["api", "reader"].includes(stack)) expect(config.secrets.ticketKey).toHaveLength(32);
        else expect(() => config.secrets.ticketKey).toThrow("was not given"); // whoever holds it makes read tickets
        expect(config.secrets.originSecrets).toHaveLength(["api", "reader"].includes(stack) ? 1 : 0);
      }
    }
  },
);

test.each(names)("all that is configured in %s reads the claims that its site names", (name) => {
  expect(claimsAreRead(name.endsWith("Europe") ? itsClaims : defaultClaims)(made(name))).toEqual([]);
});

test.each<[Name, string[]]>([
  ["production, two cells", ["production", "production-recovery"]],
  ["dev, one cell", ["dev"]],
  ["a site with nothing of its own", ["staging"]],
])("the budget of %s counts what bears the tag of %j", (name, stages) => {
  const [budget] = resourcesOf(made(name), "AWS::Budgets::Budget");
  expect(budget!.properties["Budget"]).toMatchObject({
    CostFilters: { TagKeyValue: stages.map((stage) => `user:stage$${stage}`) },
  });
});

test("docs/runbooks/restore.md asks for no name that a stage does not tell", () => {
  const runbook = readFileSync(new URL("../../docs/runbooks/restore.md", import.meta.url), "utf8");
  const asked = [...runbook.matchAll(/<([A-Z]\w+)>/g)].map(([, name]) => name!);
  const told = Object.values(made("production, two cells").templates).flatMap(({ Outputs = {} }) =>
    Object.keys(Outputs),
  );
  expect(asked).toContain("Sweep");
  expect(asked.filter((name) => !told.includes(name))).toEqual([]);
});

test("docs/deploy.md tells node classes by which tags they find groups and subnets, and their role", () => {
  const page = readFileSync(new URL("../../docs/deploy.md", import.meta.url), "utf8");
  const nodeClass = /```yaml\n(kind: EC2NodeClass[^]*?)```/.exec(page)?.[1] ?? "";
  const finds = nodeClassFinds(nodeClass, "production");
  expect(finds(made("production, two cells"))).toEqual([]);
  const withoutTheClusters = nodeClass.replace(/^.*aws:eks:cluster-name.*$/m, "");
  expect(nodeClassFinds(withoutTheClusters, "production")(made("production, two cells"))).toHaveLength(2);
  const discovery = /^.*karpenter.sh\/discovery.*\n/gm;
  expect(nodeClass.match(discovery)).toHaveLength(2);
  for (const left of [0, 1]) {
    let lines = 0;
    const withOne = nodeClass.replace(discovery, (line) => (lines++ === left ? line : ""));
    expect(nodeClassFinds(withOne, "production")(made("production, two cells"))).toHaveLength(2);
  }
});

test("no command of the runbooks writes an object in a way that the bucket's own policy refuses", () => {
  const folder = new URL("../../docs/runbooks/", import.meta.url);
  const commands = readdirSync(folder)
    .flatMap((file) => readFileSync(new URL(file, folder), "utf8").replaceAll("\\\n", " ").split("\n"))
    .filter((line) => /aws s3api (put|copy)-object\b/.test(line));
  expect(commands.length).toBeGreaterThan(1);
  expect(commands.filter((line) => !line.includes("--if-none-match '*'"))).toEqual([]);
});

test("docs/runbooks/alarms.md has a line for each alarm, and none for another", () => {
  const runbook = readFileSync(new URL("../../docs/runbooks/alarms.md", import.meta.url), "utf8");
  const rows = runbook
    .split("## Errors")[0]!
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const listed = rows
    .flatMap((row) => [...row.matchAll(/`([a-z0-9-]+(?:<cell>)?)`/g)].map(([, id]) => id!))
    .filter((id) => id.includes("-"));
  // A stack of a cell prefixes what is its own; CloudFormation knows no hyphens.
  const patterns = listed.map(
    (id) => new RegExp(`^(even|odd)?${id.replaceAll("-", "").replace("<cell>", "(even|odd)")}[0-9A-F]{8}$`),
  );
  const alarms = names.flatMap((name) =>
    ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"].flatMap((type) =>
      resourcesOf(made(name), type).map(({ id }) => id),
    ),
  );
  expect(alarms.filter((id) => !patterns.some((pattern) => pattern.test(id)))).toEqual([]);
  expect(listed.filter((_, at) => !alarms.some((id) => patterns[at]!.test(id)))).toEqual([]);
});

test.each<[Name, number]>([
  ["production, two cells", 2],
  ["production, one cell", 1],
  ["staging, two cells", 2],
  ["dev, one cell", 1],
])("strongroom cost counts the alarms that %s has", (name, cells) => {
  const { perCell, perStage } = watchShape;
  expect(alarms.billedWatches(made(name))).toEqual({
    alarmMetrics: cells * perCell.alarmMetrics + perStage.alarmMetrics,
    compositeAlarms: cells * perCell.compositeAlarms + perStage.compositeAlarms,
    logMetrics: perStage.logMetrics,
  });
});

test("a route may ring if its code does, and no other may", () => {
  const packages = fileURLToPath(new URL("../../packages", import.meta.url));
  const fileOfImport = (from: string, name: string) =>
    name.startsWith(".")
      ? join(dirname(from), name)
      : name.replace(/^@strongroom\/(core|functions)\/(.*)$/, `${packages}/$1/src/$2.ts`);
  const reach = (file: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(file) || !existsSync(file)) return seen;
    seen.add(file);
    for (const [, name] of readFileSync(file, "utf8").matchAll(/^import (?!type\b)[^;]*? from "([^"]+)"/gm))
      reach(fileOfImport(file, name!), seen);
    return seen;
  };
  const routesThat = Object.keys(routes).filter((name) =>
    reach(`${packages}/functions/src/api/${fileOf(name)}.ts`).has(
      `${packages}/core/src/job/ring-doorbell.ts`,
    ),
  );
  const allowed = Object.entries(grants).flatMap(([name, some]) => (some.includes("ring") ? [name] : []));
  expect(allowed.toSorted()).toEqual(routesThat.toSorted());
  expect(routesThat).toContain("redriveDocument");
});

test("every grant is given to somebody", () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const sources = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const text = sources.map((file) => readFileSync(join(folder, file), "utf8")).join("\n");
  const defined = ["grants", "object-grants", "service-grants"].flatMap((file) =>
    [...readFileSync(join(folder, `${file}.ts`), "utf8").matchAll(/^ {4}(\w+): \(\) =>/gm)].map(
      ([, name]) => name!,
    ),
  );
  expect(defined).toContain("readVault");
  expect(defined.filter((name) => !text.includes(`"${name}"`))).toEqual([]);
});

test("no source of the stacks names an account", () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const sources = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  expect(sources.length).toBeGreaterThan(20);
  expect(
    sources.filter((file) => /(?<!\d)\d{12}(?!\d)/.test(readFileSync(`${folder}/${file}`, "utf8"))),
  ).toEqual([]);
});

describe("what a stage is made of", () => {
  test("a person's stage has buckets, queues and keys of its own, and nothing that idles at a price", () => {
    const found = types("a person, live debugging");
    for (const wanted of ["AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::KMS::Key", "AWS::Lambda::Function"])
      expect(found).toContain(wanted);
    for (const dear of [
      "AWS::EC2::NatGateway",
      "AWS::RDS::DBCluster",
      "AWS::MSK::Cluster",
      "AWS::EKS::Cluster",
      "AWS::WAFv2::WebACL",
    ])
      expect(found).not.toContain(dear);
  });

  test("under live debugging no function is in a network, and all go to the developer's machine", () => {
    const functions = resourcesOf(made("a person, live debugging"), "AWS::Lambda::Function").filter(
      ({ properties }) => JSON.stringify(properties).includes("SST_FUNCTION_ID"),
    );
    expect(functions.length).toBeGreaterThan(20);
    expect(functions.filter(({ properties }) => "VpcConfig" in properties)).toEqual([]);
    const crons = resourcesOf(made("a person, live debugging"), "AWS::Events::Rule");
    expect(crons.map(({ properties }) => properties["State"])).toEqual(["DISABLED", "DISABLED"]);
  });

  test("a pull request leans on dev and pays for no base of its own", () => {
    const found = types("a pull request");
    for (const dear of ["AWS::EC2::VPC", "AWS::RDS::DBCluster", "AWS::MSK::Cluster", "AWS::EKS::Cluster"])
      expect(found).not.toContain(dear);
    const wanted =
      JSON.stringify(made("a pull request").templates).match(/\/strongroom\/dev\/shared\/[\w-]+/g) ?? [];
    const lent = resourcesOf(made("dev, one cell"), "AWS::SSM::Parameter").map(
      ({ properties }) => properties["Name"],
    );
    expect(wanted.length).toBeGreaterThan(10);
    expect([...new Set(wanted)].filter((name) => !lent.includes(name))).toEqual([]);
  });

  test("a pull request's migrator opens the secret of dev's database, with dev's key", () => {
    const [migrator] = access
      .policiesOf(made("a pull request"))
      .filter(({ name }) => /migratorrole/i.test(name));
    const lent = Object.fromEntries(
      migrator!.statements.map(({ Action, Resource }) => [String(Action), JSON.stringify(Resource)]),
    );
    expect(lent["secretsmanager:GetSecretValue"]).toMatch(/databasesecret(?!key)/i);
    expect(lent["kms:Decrypt"]).toMatch(/databasesecretkey/i);
  });

  test.each<[Name, number, number]>([
    ["production, two cells", 3, 2],
    ["production, one cell", 3, 1],
    ["dev, one cell", 1, 1],
  ])("%s has %i NAT gateways and %i clusters", (name, gateways, clusters) => {
    expect(resourcesOf(made(name), "AWS::EC2::NatGateway")).toHaveLength(gateways);
    expect(resourcesOf(made(name), "AWS::EKS::Cluster")).toHaveLength(clusters);
    expect(resourcesOf(made(name), "AWS::ApiGatewayV2::Api")).toHaveLength(clusters);
    expect(resourcesOf(made(name), "AWS::Lambda::EventSourceMapping")).toHaveLength(clusters);
  });

  test("new objects and the reconciler ring the active cell, whichever it is", () => {
    const ringing = (name: Name) =>
      JSON.stringify(
        resourcesOf(made(name), "Custom::S3BucketNotifications").map(
          ({ properties }) => properties["NotificationConfiguration"],
        ),
      );
    expect(ringing("production, two cells")).toMatch(/"eveningest/);
    expect(ringing("production, odd active")).toMatch(/"oddingest/);
  });

  test("an issuer of the company's own takes Cognito's place", () => {
    const found = types("a site with an issuer, in Europe");
    expect(found).not.toContain("AWS::Cognito::UserPool");
    const [authorizer] = resourcesOf(
      made("a site with an issuer, in Europe"),
      "AWS::ApiGatewayV2::Authorizer",
    );
    expect(authorizer!.properties["JwtConfiguration"]).toEqual({
      Audience: ["strongroom"],
      Issuer: "https://login.example.com/oauth2/default",
    });
    const consoleOf = (name: Parameters<typeof made>[0]) =>
      JSON.stringify(resourcesOf(made(name), "AWS::CloudFront::ResponseHeadersPolicy"));
    // No path: it would be that path alone. Of Cognito the host where people sign in, too: tokens come from there.
    expect(consoleOf("a site with an issuer, in Europe")).toContain(
      " https://login.example.com https://*.s3.",
    );
    expect(consoleOf("production, two cells")).toMatch(
      /https:\/\/cognito-idp\..*\.auth\..*\.amazoncognito\.com/,
    );
  });

  test("backups hold the database and not the vault, whose copy lies in Glacier Instant Retrieval from the start", () => {
    const [selection] = resourcesOf(made("production, two cells"), "AWS::Backup::BackupSelection");
    const { Resources } = selection!.properties["BackupSelection"] as { Resources: unknown[] };
    expect(Resources).toHaveLength(1);
    expect(JSON.stringify(Resources)).toMatch(/Cluster/);
    const classOf = (bucket: RegExp) => {
      const { properties } = resourcesOf(made("production, two cells"), "AWS::S3::Bucket").find(({ id }) =>
        bucket.test(id),
      )!;
      const { Rules } = properties["ReplicationConfiguration"] as {
        Rules: { Destination: { StorageClass?: string } }[];
      };
      return Rules.map(({ Destination }) => Destination.StorageClass);
    };
    expect(classOf(/^Vault/)).toEqual(["GLACIER_IR"]);
    expect(classOf(/^Staging/)).toEqual([undefined]);
  });

  test("what protects its data has backups here and far away, and nothing else has any", () => {
    const vaults = names.filter((name) => types(name).has("AWS::Backup::BackupVault"));
    expect(vaults).toEqual(production);
    const copiesOf = (name: Name) =>
      resourcesOf(made(name), "AWS::Backup::BackupPlan").map(({ properties }) => {
        type Plan = { BackupPlanRule: { CopyActions?: unknown[] }[] };
        return (properties["BackupPlan"] as Plan).BackupPlanRule.map(
          ({ CopyActions }) => CopyActions?.length,
        );
      });
    const origins = production.filter((name) => name !== "production's copy");
    expect(origins.map(copiesOf)).toEqual(origins.map(() => [[1, 1]]));
    expect(types("staging, two cells")).not.toContain("AWS::Backup::BackupPlan");
  });

  test("an erasure is told the day on which the last backup of its stage is gone", () => {
    const days = (name: Name) =>
      environmentsOf(made(name), "api").map((env) => env["STRONGROOM_BACKUP_DAYS"]);
    expect(new Set(days("production, two cells"))).toEqual(new Set(["365"]));
    expect(new Set(days("staging, two cells"))).toEqual(new Set(["65"])); // the copy of staging's uploads
    expect(new Set(days("dev, one cell"))).toEqual(new Set(["1"])); // Aurora's own
  });

  test("the processor may make data keys and put into the vault, and may open, delete or sign nothing", () => {
    const processor = access
      .policiesOf(made("production, two cells"))
      .filter(({ name }) => /processorrole/i.test(name));
    expect(processor).toHaveLength(2);
    const actions = new Set(
      processor.flatMap(({ statements }) => statements.flatMap(({ Action }) => Action)),
    );
    expect(actions).toContain("kms:GenerateDataKey");
    expect(actions).toContain("s3:PutObject");
    for (const denied of [
      "kms:Decrypt",
      "kms:Sign",
      "s3:DeleteObject",
      "s3:DeleteObjectVersion",
      "secretsmanager:GetSecretValue",
    ])
      expect(actions).not.toContain(denied);
  });
});

describe("each rule finds what breaks it", () => {
  test.each([...plants, ...clusterPlants, ...grantPlants, ...podPlants])(
    "%s",
    (_title, rule, type, id, breakIt) => {
      const broken = structuredClone(made("production, two cells"));
      expect(rule(schemas)(broken)).toEqual([]);
      const target = resourcesOf(broken, type).find((one) => id.test(one.id));
      breakIt(target!.resource);
      expect(rule(schemas)(broken)).not.toEqual([]);
    },
  );

  test("missing context, and a template that is too large", () => {
    const broken = { ...made("dev, one cell"), missing: [{ key: "availability-zones" }] };
    expect(rules.nothingLookedUp(broken)).toHaveLength(1);
    const many = Object.fromEntries(
      Array.from({ length: 501 }, (_, at) => [`Queue${at}`, { Type: "AWS::SQS::Queue" }]),
    );
    expect(rules.templatesAreSmall({ ...broken, templates: { queues: { Resources: many } } })).toHaveLength(
      1,
    );
  });

  test("a finding of cdk-nag that nobody explained", () => {
    const finding = {
      rule: "AwsSolutions-S10",
      path: "/production-strongroom-storage/Vault/Resource",
      text: "",
    };
    expect(judge([finding])).toMatchObject({ open: [finding] });
    expect(judge([]).unused.length).toBeGreaterThan(10);
  });
});

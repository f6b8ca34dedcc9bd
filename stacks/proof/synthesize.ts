import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Aspects } from "aws-cdk-lib/core";
import type { CloudAssembly } from "aws-cdk-lib/cx-api";
import { AwsSolutionsChecks } from "cdk-nag";
import { App } from "sst/constructs";
import { initProject, useProject } from "sst/project.js";
import config from "../../sst.config.ts";
import { readSite, type Site } from "../site.ts";

/** One way in which the stacks are made. */
export type Variant = { stage: string; cells?: string; isLive?: boolean; site?: Partial<Site> };

export type Resource = {
  Type: string;
  Properties?: Record<string, unknown>;
  DeletionPolicy?: string;
  Metadata?: Record<string, unknown>;
  DependsOn?: string | string[];
};
export type Template = { Resources: Record<string, Resource>; Outputs?: Record<string, { Value: unknown }> };
/** What cdk-nag says of one construct. */
export type Finding = { rule: string; path: string; text: string };

/** What came out: each stack's template by the name of its function, nested ones too. */
export type Synthesis = {
  name: string;
  templates: Record<string, Template>;
  missing: unknown;
  findings: Finding[];
};

/** An account that is nobody's (from AWS's documentation). */
export const account = "111122223333";
const root = fileURLToPath(new URL("../..", import.meta.url));
const exampleSite: Partial<Site> = {
  domain: { name: "docs.example.com", zoneId: "Z0000000000EXAMPLE" },
  repository: "example/strongroom",
  alarmEmail: "operators@example.com",
};

/**
 * Makes the stacks of each variant offline, one after the other in one process (they share `.sst`). Functions are not
 * bundled here; the rehearsal does that.
 */
export async function synthesize(variants: Record<string, Variant>): Promise<Map<string, Synthesis>> {
  const made = new Map<string, Synthesis>();
  await initProject({ root, stage: "ci" });
  for (const [name, variant] of Object.entries(variants))
    made.set(name, await withEnvironment(variant, () => synthesizeOne(name, variant)));
  return made;
}

async function synthesizeOne(name: string, { stage, isLive = false }: Variant): Promise<Synthesis> {
  const outdir = mkdtempSync(join(tmpdir(), "strongroom-stacks-"));
  try {
    useProject().config.stage = stage;
    const app = new App(
      {
        mode: isLive ? "dev" : "deploy",
        stage,
        name: "strongroom",
        region: readSite().region,
        account,
        isActiveStack: () => isLive,
      },
      { outdir },
    );
    config.stacks(app);
    Aspects.of(app).add(new AwsSolutionsChecks());
    await app.finish();
    return read(name, app.synth());
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

function read(name: string, assembly: CloudAssembly): Synthesis {
  const templates = Object.fromEntries(
    assembly.stacks.map((stack) => [
      stack.stackName.replace(/^.*-strongroom-/, ""),
      stack.template as Template,
    ]),
  );
  const findings = assembly.stacks.flatMap(({ messages }) =>
    messages.map(({ id, entry }) => findingOf(id, typeof entry.data === "string" ? entry.data : "")),
  );
  return {
    name,
    templates,
    missing: assembly.manifest.missing,
    findings: findings.filter((finding) => finding !== null),
  };
}

/** `AwsSolutions-S1: The S3 Bucket has server access logs disabled.`; other messages are CDK's own. */
function findingOf(path: string, text: string): Finding | null {
  const rule = /^(AwsSolutions-\w+(?:\[[^\]]*\])?|CdkNagValidationFailure\[[^\]]*\])/.exec(text)?.[1];
  return rule === undefined ? null : { rule, path, text };
}

async function withEnvironment<T>({ cells, site }: Variant, work: () => Promise<T>): Promise<T> {
  process.env["STRONGROOM_CELLS"] = cells ?? "";
  process.env["STRONGROOM_SITE"] = JSON.stringify({ ...exampleSite, ...site });
  try {
    return await work();
  } finally {
    delete process.env["STRONGROOM_CELLS"];
    delete process.env["STRONGROOM_SITE"];
  }
}

import { Tags } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { App } from "sst/constructs";
import { readSite, requireSite, type Site } from "./site.ts";
import { type CellName, type Stage, stageOf } from "./stage.ts";

/** Ending of a stage that is the far half of another. */
export const recoveryEnding = "-recovery";

/** The stage that is being made. */
export const currentStage = (scope: Construct): Stage => stageOf((scope.node.root as App).stage);

/** The site that it is made for. */
export const currentSite = (): Site => readSite();

/** The name of this stage and the zone it hangs in: the site's own for production, one below it for the others, none for a person's. */
export function currentDomain(scope: Construct): { name: string; zoneId: string; zoneName: string } | null {
  const { domain } = currentSite();
  const { name: stage, base } = currentStage(scope);
  if (domain === null || base === "none") return null;
  return {
    name: stage === "production" ? domain.name : `${stage}.${domain.name}`,
    zoneId: domain.zoneId,
    zoneName: domain.name,
  };
}

/** Live debugging: handlers run on the developer's machine. */
export const isLive = (scope: Construct): boolean => (scope.node.root as App).mode === "dev";

/**
 * What must be set before the first stack: the site; the zones, so that nothing has to be looked up; tags by which cost is told apart;
 * and that a stage which protects nothing leaves nothing behind.
 */
export function prepare(app: App): void {
  const stage = stageOf(app.stage.replace(recoveryEnding, ""));
  requireSite(stage);
  const zones = ["a", "b", "c"].map((letter) => `${app.region}${letter}`);
  app.node.setContext(`availability-zones:account=${app.account}:region=${app.region}`, zones);
  Tags.of(app).add("app", app.name);
  Tags.of(app).add("stage", app.stage);
  Tags.of(app).add("cell", "shared", { priority: 50 });
  if (!stage.protects) app.setDefaultRemovalPolicy("destroy");
}

/** Where all that belongs to one cell is made: its bill says so. */
export function cellScope(stack: Construct, cell: CellName): Construct {
  const scope = new Construct(stack, cell);
  Tags.of(scope).add("cell", cell, { priority: 200 });
  return scope;
}

import type { TestProject } from "vitest/node";
import { elasticmqServer } from "./elasticmq.ts";
import type { Engine, EngineName, Stoppable } from "./engines.ts";
import { requireCommand } from "./fetch-engine.ts";
import { kafkaBroker } from "./kafka.ts";
import { kmsServer } from "./kms.ts";
import { postgresServer } from "./postgres.ts";
import { redisServer } from "./redis.ts";
import { s3Server } from "./s3.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Why an engine cannot run here; null when it can. */
    engines: Record<EngineName, string | null>;
  }
}

const engines: Engine<Stoppable>[] = [
  s3Server,
  elasticmqServer,
  kafkaBroker,
  kmsServer,
  postgresServer,
  redisServer,
];

/** Vitest's global setup of the engine tests: fetches every engine. What is missing is named, and with CI=true fails the run. */
export default async function setup(project: TestProject): Promise<void> {
  const missing: Partial<Record<EngineName, string | null>> = {};
  for (const engine of engines) missing[engine.name] = await reasonNot(engine);
  const lines = Object.entries(missing).flatMap(([name, why]) =>
    why === null ? [] : [`${name} is missing: ${why}`],
  );
  for (const line of lines) process.stderr.write(`SKIPPED: ${line}\n`);
  // oxlint-disable-next-line node/no-process-env, eslint/no-restricted-properties -- the test run is a process entry
  if (lines.length > 0 && process.env.CI === "true")
    throw new Error(`CI runs every engine:\n${lines.join("\n")}`);
  project.provide("engines", missing as Record<EngineName, string | null>);
}

async function reasonNot(engine: Engine<Stoppable>): Promise<string | null> {
  try {
    for (const command of engine.needs) await requireCommand(command);
    await engine.fetch();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

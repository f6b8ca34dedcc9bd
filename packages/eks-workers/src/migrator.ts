import { readFile } from "node:fs/promises";
import { systemClock } from "@strongroom/core/clock";
import { parseConnection } from "@strongroom/core/config";
import { migrateDatabase, type MigrateInput } from "@strongroom/core/database/migrate-database";
import { jsonLog } from "@strongroom/core/log";
import * as z from "zod";
import { readMaster } from "./ports.ts";

/** A server that is made, or fails over, is there by then; Kubernetes starts the job anew when it was not. */
const waitMs = 5 * 60_000;

const filled = z.string().min(1);
const connection = filled.transform(parseConnection);
const Common = z.object({ STRONGROOM_DATABASE_CA_FILE: filled.optional() });
/** RDS: who is master stands in a secret, who serves comes with tokens. */
const ByIam = Common.extend({
  STRONGROOM_DATABASE_AUTH: z.literal("iam"),
  STRONGROOM_DATABASE_OWNER_SECRET_ARN: filled,
  STRONGROOM_DATABASE_HOST: filled,
  STRONGROOM_DATABASE_PORT: z.coerce.number().int().min(1).max(65_535).default(5432),
  STRONGROOM_DATABASE_NAME: filled,
  AWS_REGION: filled,
});
const ByPassword = Common.extend({
  STRONGROOM_DATABASE_AUTH: z.literal("password").default("password"),
  STRONGROOM_DATABASE_URL_OWNER: connection,
  STRONGROOM_DATABASE_URL_APP: connection,
  STRONGROOM_DATABASE_URL_SYSTEM: connection,
});

/** One run, not a worker that stays. Answers whether the database is now as this release needs it; if not, run it again. */
export async function runMigrator(environment: Record<string, string | undefined>): Promise<boolean> {
  const log = jsonLog({ process: "migrator" });
  const startedMs = systemClock.monotonicMs();
  const tookMs = () => Math.round(systemClock.monotonicMs() - startedMs);
  try {
    const input = await inputFrom(environment);
    const applied = await migrateDatabase({ clock: systemClock, log }, { ...input, waitMs });
    log.info("migrator.done", { database: input.database, applied: applied.join(" "), tookMs: tookMs() });
    return true;
  } catch (error) {
    log.error("migrator.failed", { tookMs: tookMs(), error: error as Error });
    return false;
  }
}

async function inputFrom(
  environment: Record<string, string | undefined>,
): Promise<Omit<MigrateInput, "waitMs">> {
  const Environment = environment["STRONGROOM_DATABASE_AUTH"] === "iam" ? ByIam : ByPassword;
  const parsed = z.union([Environment]).safeParse(environment);
  if (!parsed.success) throw new Error(`configuration: ${z.prettifyError(parsed.error)}`);
  const env = parsed.data;
  const caFile = env.STRONGROOM_DATABASE_CA_FILE;
  const tls = caFile === undefined ? null : { ca: await readFile(caFile, "utf8") };
  if (env.STRONGROOM_DATABASE_AUTH === "password") {
    const { STRONGROOM_DATABASE_URL_OWNER: owner } = env;
    return {
      master: { ...owner, database: "postgres", ...(tls && { ssl: tls }) },
      database: owner.database,
      logins: {
        auth: "password",
        connections: { app: env.STRONGROOM_DATABASE_URL_APP, system: env.STRONGROOM_DATABASE_URL_SYSTEM },
      },
    };
  }
  const who = await readMaster({ arn: env.STRONGROOM_DATABASE_OWNER_SECRET_ARN, region: env.AWS_REGION });
  const [host, port] = [env.STRONGROOM_DATABASE_HOST, env.STRONGROOM_DATABASE_PORT];
  return {
    master: { host, port, database: "postgres", ...who, ssl: tls ?? {} },
    database: env.STRONGROOM_DATABASE_NAME,
    logins: { auth: "iam" },
  };
}

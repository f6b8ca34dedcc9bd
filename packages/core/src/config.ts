import * as z from "zod";
import { type Backend, backendIn, url } from "./backend.ts";
import type { ClaimNames } from "./claim-names.ts";
import { Refusal } from "./errors.ts";
import { ClaimSettings, Settings } from "./settings.ts";

export type { AwsBackend, AwsDatabase, Backend } from "./backend.ts";
export { formatConnection, parseConnection } from "./connection.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Every period of the system in milliseconds; `STRONGROOM_TIME_DIVISOR` shortens all of them by one factor. */
const periods = {
  /** How long a claim holds without a beat. */
  lease: 45_000,
  /** Between two beats of a claim; a lease outlives four missed ones. */
  beat: 10_000,
  /** How long an accepted upload may be completed. */
  grant: 7 * day,
  /** How long a signed upload URL works. */
  signedUrl: 5 * minute,
  /** How long a read ticket works. */
  ticket: minute,
  /** A claimable document silent for this long is rung for again. */
  silence: minute,
  /** Between two rounds of the reconciler. */
  reconcile: minute,
  /** Staging is kept this long after `stored`, `rejected`, `expired`. */
  keepStored: day,
  keepRejected: 7 * day,
  keepExpired: day,
  /** Age at which an unreferenced object is an orphan: longer than a signed URL lives, and 15 minutes. */
  orphanGrace: 5 * minute + 15 * minute,
  /** Between two sweeps for orphans over all of staging and vault. */
  sweep: hour,
  /** A sweep looks through the vault for so long at most; a Lambda function ends after 15 minutes, and staging comes first. */
  sweepVault: 8 * minute,
  /** Published events stay in the outbox this long. */
  keepPublished: 7 * day,
  /** The notifier knows for this long which facts it told: a topic keeps them for 14 days, and some days may pass until it is emptied. */
  keepTold: 21 * day,
  /** Oldest waiting document above which no new grant is given. */
  overload: 10 * minute,
  /** Documents older than this go to the late queue: fresh work goes first. */
  overAge: 5 * minute,
  /** Between two checkpoints over the audit chains. */
  checkpoint: 5 * minute,
  /** Between two looks of the relay when nothing wakes it. */
  relay: 250,
  /** A fact that waits for so long is not published by anybody: the relay is away, or the stream. */
  factLate: 10 * minute,
  /** How long a role is believed without asking the database. */
  roleCache: minute,
  /** How long it is remembered what a tenant that announces much has used of its quota. */
  quotaCache: 10_000,
  /** First backoff between two tries of ours; it doubles, up to the cap. */
  retryBase: 1_000,
  retryCap: minute,
  /** First rest of a worker that meets fault after fault; it doubles, up to the cap. */
  rest: 250,
  restCap: 30_000,
  /** A worker without a round for so long is stuck: longer than 50 files of 15 s each, the longest document. */
  stall: 15 * minute,
  /** Every stored object is read back and compared once in so long; one that was found wrong, in so long. */
  fixity: 90 * day,
  fixityFault: day,
  /** Between two rounds of that. */
  fixityRound: 10_000,
  /** Upload events are gathered for so long: a client that says “complete” is there first, and each is a short look then. */
  gather: 1_000,
  /** Visibility of a queue message, extended by every beat. */
  visibility: 2 * minute,
} as const;
export type Periods = Record<keyof typeof periods, number>;

/** Keys of an issuer decide who is who: beyond this machine they come over TLS or not at all. */
const issuerUrl = url.refine(
  (text) => /^https:|^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:|\/|$)/.test(text),
  "is neither https nor on this machine",
);
const hexKey = z.string().regex(/^[0-9a-f]{64}$/, "not 64 lower-case hex digits");
const hexKeys = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(hexKey));
const Environment = Settings.extend({
  STRONGROOM_PUBLIC_URL: url,
  STRONGROOM_ISSUER: issuerUrl,
  STRONGROOM_AUDIENCE: z.string().min(1),
  STRONGROOM_UPLOAD_KEY: hexKey.optional(),
  STRONGROOM_TICKET_KEY: hexKey.optional(),
  STRONGROOM_ORIGIN_SECRET: hexKeys.optional(),
  STRONGROOM_CELL: z.enum(["even", "odd"]).default("even"),
});

/** What the system runs with; read from the environment once, at the entry of a process. */
export type Config = {
  /** Base of the API as clients see it, without a trailing slash. */
  publicUrl: string;
  cell: "even" | "odd";
  backend: Backend;
  auth: { issuer: string; audience: string; claims: ClaimNames };
  /** A process on AWS has those only that it needs; to read another throws. */
  secrets: {
    readonly uploadKey: Uint8Array;
    readonly ticketKey: Uint8Array;
    /** Any of them shows that a request came through the entry; several while one replaces another, none: not asked for. */
    readonly originSecrets: readonly Uint8Array[];
  };
  periods: Periods;
  /** Files decoded at once by one worker: its cores. It has more documents than these in hand. */
  jobs: number;
  /** Tries of ours before a document is `failed`. */
  maxRetries: number;
  /** Days after which the last backup that may hold an erased document is gone; certificates of erasure name that day. */
  backupDays: number;
};

/** Reads the configuration; refuses it with one error that names every variable that is missing or wrong. */
export function readConfig(environment: Record<string, string | undefined> = process.env): Config {
  const parsed = z
    .intersection(z.intersection(Environment, ClaimSettings), backendIn(environment))
    .safeParse(environment);
  if (!parsed.success)
    throw new Refusal("configuration_invalid", `configuration: ${z.prettifyError(parsed.error)}`);
  const env = parsed.data;
  return {
    publicUrl: env.STRONGROOM_PUBLIC_URL.replace(/\/$/, ""),
    cell: env.STRONGROOM_CELL,
    backend: env.backend,
    auth: {
      issuer: env.STRONGROOM_ISSUER,
      audience: env.STRONGROOM_AUDIENCE,
      claims: { user: env.STRONGROOM_USER_CLAIM, tenant: env.STRONGROOM_TENANT_CLAIM },
    },
    secrets: {
      get uploadKey() {
        return secret("STRONGROOM_UPLOAD_KEY", env.STRONGROOM_UPLOAD_KEY);
      },
      get ticketKey() {
        return secret("STRONGROOM_TICKET_KEY", env.STRONGROOM_TICKET_KEY);
      },
      originSecrets: (env.STRONGROOM_ORIGIN_SECRET ?? []).map(bytesOf),
    },
    periods: dividePeriods(env.STRONGROOM_TIME_DIVISOR),
    jobs: env.STRONGROOM_JOBS,
    maxRetries: env.STRONGROOM_MAX_RETRIES,
    backupDays: env.STRONGROOM_BACKUP_DAYS,
  };
}

/** All periods, each divided by one factor: the proofs run fifteen times faster with the same ratios. */
export function dividePeriods(divisor: number): Periods {
  return Object.fromEntries(
    Object.entries(periods).map(([name, ms]) => [name, Math.max(1, Math.round(ms / divisor))]),
  ) as Periods;
}

function secret(name: string, hex: string | undefined): Uint8Array {
  if (hex === undefined) throw new Error(`configuration: this process was not given ${name}`);
  return bytesOf(hex);
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

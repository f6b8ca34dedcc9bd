import { sql } from "kysely";
import * as z from "zod";
import { ago } from "../database/ago.ts";
import { Refusal } from "../errors.ts";
import type { TenantId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";

type Used = { documents: number; bytes: number };
type Quota = { who: string; documents: number; bytes: number };

/** What the person and the tenant announced within the last 24 hours, and what they may; `atMs` is before they were counted. */
export type QuotaState = {
  atMs: number;
  person: { used: Used; quota: Quota };
  tenant: { used: Used; quota: Quota };
};

const dayMs = 24 * 60 * 60_000;
/** From so many documents on a count is kept for a moment: 200,000 take 0.1 s (docs/decisions/0021). */
const many = 1_000;
/** Transactions commit a little after they stamp their rows: what is newer than this is counted again. */
const overlapMs = 20_000;

/** What a tenant had announced by a moment, and a little more. */
const Counted = z.strictObject({ untilMs: z.number(), documents: z.number(), bytes: z.number() });
export type Counted = z.infer<typeof Counted>;

/** What a tenant that announces much had announced a moment ago; null when it was not counted lately, or by a release that kept it otherwise. */
export async function recallCount(
  { cache }: Pick<Ports, "cache">,
  tenantId: TenantId,
): Promise<Counted | null> {
  const known = await cache.get(countKey(tenantId));
  return known === null ? null : (Counted.safeParse(JSON.parse(known)).data ?? null);
}

/** Keeps a count for a moment, so that each document of a tenant that announces much does not count all of them. */
async function keepCount(
  { cache, config }: Pick<Ports, "cache" | "config">,
  tenantId: TenantId,
  { atMs, tenant: { used } }: QuotaState,
): Promise<void> {
  if (used.documents < many) return;
  const counted: Counted = { ...used, untilMs: atMs - overlapMs };
  await cache.set(countKey(tenantId), JSON.stringify(counted), config.periods.quotaCache);
}

const countKey = (tenantId: TenantId): string => `quota/${tenantId}`;

/**
 * Reads quotas and what is used of them; of the tenant only what came after `counted`, if that is known: of the newest some
 * may then count twice. Pages that edits dropped were announced, too, and lie in staging for a day.
 */
export async function readQuota(
  tx: Transaction,
  { userId }: Pick<Actor, "userId">,
  counted: Counted | null = null,
): Promise<QuotaState> {
  const since = counted ? new Date(counted.untilMs) : ago(dayMs);
  const [tenant, own, all] = await Promise.all([
    tx
      .selectFrom("tenant")
      .selectAll()
      .select(sql<number>`(extract(epoch from statement_timestamp()) * 1000)::float8`.as("at_ms"))
      .where("id", "=", tx.insideTenant)
      .executeTakeFirstOrThrow(),
    sum(announcedSince(tx, ago(dayMs)).where("owner_id", "=", userId)),
    sum(announcedSince(tx, since)),
  ]);
  return {
    atMs: tenant.at_ms,
    person: {
      used: own,
      quota: { who: "You have", documents: tenant.user_documents_per_day, bytes: tenant.user_bytes_per_day },
    },
    tenant: {
      used: {
        documents: all.documents + (counted?.documents ?? 0),
        bytes: all.bytes + (counted?.bytes ?? 0),
      },
      quota: {
        who: "Your company has",
        documents: tenant.tenant_documents_per_day,
        bytes: tenant.tenant_bytes_per_day,
      },
    },
  };
}

const sum = (announced: ReturnType<typeof announcedSince>): Promise<Used> =>
  announced
    .select([
      sql<number>`count(*)::float8`.as("documents"),
      sql<number>`coalesce(sum(coalesce(announced_bytes, size_bytes)), 0)::float8`.as("bytes"),
    ])
    .executeTakeFirstOrThrow();

/** Those after a moment, however many a tenant has: each of the two has an index. */
export const announcedSince = (tx: Transaction, moment: Date | ReturnType<typeof ago>) =>
  tx
    .selectFrom("document")
    .where("tenant_id", "=", tx.insideTenant)
    .where((eb) => eb.or([eb("created_at", ">", moment), eb("announced_at", ">", moment)]));

/**
 * What a document's row is set to when so many bytes of it are announced now, by an edit or a revived grant. What was announced
 * of it within the last 24 hours counts besides; of a document that nothing was announced of for a day, this counts alone.
 */
export function announcing(bytes: number) {
  const before = sql`case when coalesce(announced_at, created_at) > ${ago(dayMs)} then coalesce(announced_bytes, size_bytes) else 0 end`;
  return {
    announced_bytes: sql<number>`${before} + ${bytes}::bigint`,
    announced_at: sql<Date>`clock_timestamp()`,
  };
}

/**
 * Refuses what would go over a quota; exactly reaching it is allowed. Requests that come at the same moment do not see
 * each other: together they may go over it.
 */
export function checkQuota({ person, tenant }: QuotaState, more: Used): void {
  for (const one of [person, tenant]) {
    if (!isOver(one, more)) continue;
    const { who, documents, bytes } = one.quota;
    throw new Refusal(
      "quota_exceeded",
      `${who} reached the limit of ${documents} documents or ${Math.floor(bytes / 1024 / 1024)} MiB in 24 hours. Keep the photo and send it later, or ask your office for a higher limit.`,
      { status: 429, retryAfterSeconds: 3_600 },
    );
  }
}

/** Whether so much more would go over a quota. */
const isOver = ({ used, quota }: QuotaState["tenant"], more: Used): boolean =>
  used.documents + more.documents > quota.documents || used.bytes + more.bytes > quota.bytes;

/**
 * The same where the tenant's use is partly of a moment ago (`counted`): it is counted anew before anybody is refused by it.
 * A new count is kept for a moment.
 */
export async function checkRecalled(
  ports: Pick<Ports, "database" | "cache" | "config">,
  actor: Actor,
  { quota, counted }: { quota: QuotaState; counted: Counted | null },
  more: Used,
): Promise<void> {
  if (counted && !isOver(quota.tenant, more)) return checkQuota(quota, more);
  const { tenantId } = actor;
  const exact = counted ? await ports.database.inOneTrip(tenantId, (tx) => readQuota(tx, actor)) : quota;
  await keepCount(ports, tenantId, exact);
  checkQuota(exact, more);
}

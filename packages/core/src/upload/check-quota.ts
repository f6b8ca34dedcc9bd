import { sql } from "kysely";
import { ago } from "../database/ago.ts";
import { Refusal } from "../errors.ts";
import type { TenantId } from "../ids.ts";
import type { Transaction } from "../ports/database.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";

type Used = { documents: number; bytes: number };
type Quota = { who: string; documents: number; bytes: number };

/** What the person and the tenant announced within the last 24 hours, and what they may; null when the tenant was not counted. */
export type QuotaState = {
  person: { used: Used; quota: Quota };
  tenant: { used: Used; quota: Quota } | null;
};

const dayMs = 24 * 60 * 60_000;
/** From so many documents on, counting them costs milliseconds: 106 of them at 200,000 (docs/decisions/0021). */
const many = 1_000;
/** A quota of which more than this is used is counted each time. */
const farShare = 0.9;

/** Whether a tenant that sends much was counted a moment ago, and found far from its quota. */
export async function isFarFromQuota({ cache }: Pick<Ports, "cache">, tenantId: TenantId): Promise<boolean> {
  return (await cache.get(farKey(tenantId))) !== null;
}

/** Keeps for a moment that a tenant is far from its quota, so that not each of its documents counts all of them. */
export async function rememberIfFar(
  { cache, config }: Pick<Ports, "cache" | "config">,
  tenantId: TenantId,
  { tenant }: QuotaState,
): Promise<void> {
  if (!tenant || tenant.used.documents < many) return;
  const { used, quota } = tenant;
  const isFar = used.documents <= farShare * quota.documents && used.bytes <= farShare * quota.bytes;
  if (isFar) await cache.set(farKey(tenantId), "far", config.periods.quotaCache);
}

const farKey = (tenantId: TenantId): string => `quota-far/${tenantId}`;

/** Reads quotas and what is used of them. Pages that edits dropped were announced, too, and lie in staging for a day. */
export async function readQuota(
  tx: Transaction,
  actor: Pick<Actor, "userId">,
  { ofTenant = true }: { ofTenant?: boolean } = {},
): Promise<QuotaState> {
  const [tenant, used] = await Promise.all([
    tx.selectFrom("tenant").selectAll().where("id", "=", tx.insideTenant).executeTakeFirstOrThrow(),
    announcedSinceYesterday(tx)
      .$if(!ofTenant, (all) => all.where("owner_id", "=", actor.userId))
      .select([
        sql<number>`count(*)::float8`.as("documents"),
        sql<number>`coalesce(sum(coalesce(announced_bytes, size_bytes)), 0)::float8`.as("bytes"),
        sql<number>`count(*) filter (where owner_id = ${actor.userId})::float8`.as("ownDocuments"),
        sql<number>`coalesce(sum(coalesce(announced_bytes, size_bytes)) filter (where owner_id = ${actor.userId}), 0)::float8`.as(
          "ownBytes",
        ),
      ])
      .executeTakeFirstOrThrow(),
  ]);
  return {
    person: {
      used: { documents: used.ownDocuments, bytes: used.ownBytes },
      quota: { who: "You have", documents: tenant.user_documents_per_day, bytes: tenant.user_bytes_per_day },
    },
    tenant: ofTenant
      ? {
          used: { documents: used.documents, bytes: used.bytes },
          quota: {
            who: "Your company has",
            documents: tenant.tenant_documents_per_day,
            bytes: tenant.tenant_bytes_per_day,
          },
        }
      : null,
  };
}

/** Those of a day, however many a tenant has: each of the two has an index. */
export const announcedSinceYesterday = (tx: Transaction) =>
  tx
    .selectFrom("document")
    .where("tenant_id", "=", tx.insideTenant)
    .where((eb) => eb.or([eb("created_at", ">", ago(dayMs)), eb("announced_at", ">", ago(dayMs))]));

/**
 * Refuses what would go over a quota; exactly reaching it is allowed. Requests that come at the same moment do not see
 * each other: together they may go over it, as may those of the moment for which a tenant is taken to be far from it.
 */
export function checkQuota({ person, tenant }: QuotaState, more: Used): void {
  for (const { used, quota } of tenant ? [person, tenant] : [person]) {
    if (used.documents + more.documents <= quota.documents && used.bytes + more.bytes <= quota.bytes)
      continue;
    throw new Refusal(
      "quota_exceeded",
      `${quota.who} reached the limit of ${quota.documents} documents or ${Math.floor(quota.bytes / 1024 / 1024)} MiB in 24 hours. Keep the photo and send it later, or ask your office for a higher limit.`,
      { status: 429, retryAfterSeconds: 3_600 },
    );
  }
}

import * as z from "zod";
import type { TenantId, UserId } from "../ids.ts";

/** driver uploads and reads their own; agent reads and reviews the tenant's; admin also administers; operator runs it. */
export const roles = ["driver", "agent", "admin", "operator"] as const;
export const Role = z.enum(roles);
export type Role = z.infer<typeof Role>;

/** Who acts: taken from a verified token and the user table, handed to every use-case. */
export type Actor = { tenantId: TenantId; userId: UserId; role: Role };

export const deviceLimits = {
  /** Live ones; of more, the one registered longest ago gets no more pushes. So a notice is this many pushes at most. */
  perPerson: 20,
  /** In characters; FCM's have about 200, APNs' 64. */
  tokenLength: 1_024,
} as const;

/** Whether this person may see every document of the tenant, not only their own; operators run the system, they do not read. */
export function seesWholeTenant(actor: Actor): boolean {
  return actor.role === "agent" || actor.role === "admin";
}

/** How an actor stands in the audit trail. */
export function actorName(actor: Actor): string {
  return `user:${actor.userId}`;
}

import * as z from "zod";
import { Refusal } from "../errors.ts";
import type { TenantId, UserId } from "../ids.ts";
import type { Ports } from "../ports/ports.ts";
import { type Actor, Role } from "./user.ts";

type Person = { tenantId: TenantId; userId: UserId };
const Known = z.object({ role: Role, disabled: z.boolean() });
type Known = z.infer<typeof Known>;

/** Who a verified token speaks for, with the role of the user table (believed for 60 s). Refuses the unknown and disabled. */
export async function findActor(
  ports: Pick<Ports, "database" | "cache" | "config">,
  person: Person,
): Promise<Actor> {
  const key = cacheKey(person);
  const cached = await ports.cache.get(key);
  const known = cached === null ? await look(ports, person) : Known.parse(JSON.parse(cached));
  if (!known)
    throw new Refusal("unknown_person", "You are not registered here. Ask your office to add you.", {
      status: 403,
    });
  if (cached === null) await ports.cache.set(key, JSON.stringify(known), ports.config.periods.roleCache);
  if (known.disabled)
    throw new Refusal("disabled", "Your access was switched off. Ask your office.", { status: 403 });
  return { ...person, role: known.role };
}

/** Where a person's role is remembered. */
export function cacheKey({ tenantId, userId }: Person): string {
  return `role/${tenantId}/${userId}`;
}

async function look(ports: Pick<Ports, "database">, { tenantId, userId }: Person): Promise<Known | null> {
  const row = await ports.database.inOneTrip(tenantId, (tx) =>
    tx
      .selectFrom("app_user")
      .select(["role", "disabled_at"])
      .where("tenant_id", "=", tenantId)
      .where("id", "=", userId)
      .executeTakeFirst(),
  );
  return row ? { role: row.role, disabled: row.disabled_at !== null } : null;
}

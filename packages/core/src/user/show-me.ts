import type * as z from "zod";
import type { Me } from "../api-shapes.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "./user.ts";

/** The person behind the token. */
export async function showMe(ports: Pick<Ports, "database">, actor: Actor): Promise<z.infer<typeof Me>> {
  const { tenantId, userId, role } = actor;
  const row = await ports.database.inOneTrip(tenantId, (tx) =>
    tx
      .selectFrom("app_user")
      .select(["name", "language"])
      .where("tenant_id", "=", tenantId)
      .where("id", "=", userId)
      .executeTakeFirstOrThrow(),
  );
  return { id: userId, tenantId, role, ...row };
}

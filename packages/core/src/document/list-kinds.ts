import type * as z from "zod";
import type { KindList } from "../api-shapes.ts";
import type { Ports } from "../ports/ports.ts";
import type { Actor } from "../user/user.ts";

/** Kinds of documents that the tenant takes, and how long each is kept. */
export async function listKinds(
  ports: Pick<Ports, "database">,
  actor: Actor,
): Promise<z.infer<typeof KindList>> {
  const kinds = await ports.database.inOneTrip(actor.tenantId, (tx) =>
    tx
      .selectFrom("document_kind")
      .select(["name", "title", "retention_days as retentionDays"])
      .where("tenant_id", "=", actor.tenantId)
      .orderBy("name")
      .execute(),
  );
  return { kinds };
}

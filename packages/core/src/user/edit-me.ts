import { sql } from "kysely";
import type * as z from "zod";
import type { EditMeRequest, Me } from "../api-shapes.ts";
import { appendAudit } from "../audit/append-audit.ts";
import type { Ports } from "../ports/ports.ts";
import { showMe } from "./show-me.ts";
import { type Actor, actorName } from "./user.ts";

/** Changes name or language of the person behind the token. */
export async function editMe(
  ports: Pick<Ports, "database" | "ids">,
  actor: Actor,
  edit: z.infer<typeof EditMeRequest>,
): Promise<z.infer<typeof Me>> {
  const { tenantId, userId } = actor;
  const fields = {
    ...(edit.name !== undefined && { name: edit.name }),
    ...(edit.language !== undefined && { language: edit.language }),
  };
  await ports.database.withTenant(tenantId, (tx) =>
    Promise.all([
      tx
        .updateTable("app_user")
        .set({ ...fields, version: sql`version + 1` })
        .where("tenant_id", "=", tenantId)
        .where("id", "=", userId)
        .execute(),
      appendAudit(ports, tx, {
        actor: actorName(actor),
        action: "user.edited",
        subject: userId,
        detail: { changed: Object.keys(fields) },
      }),
    ]),
  );
  return await showMe(ports, actor);
}

import type * as z from "zod";
import type { Health } from "../api-shapes.ts";
import { ago } from "../database/ago.ts";
import type { Ports } from "../ports/ports.ts";
import { oldestWaitingMs } from "../upload/check-overload.ts";

/** Whether work flows: degraded when no processor is alive, or the oldest document waits longer than new grants are given at. */
export async function showHealth(
  ports: Pick<Ports, "database" | "clock" | "config">,
): Promise<z.infer<typeof Health>> {
  const oldest = await oldestWaitingMs(ports);
  const reported = await ports.database.system
    .selectFrom("worker")
    .select("isolation")
    .where("kind", "=", "processor")
    .where("beat_at", ">", ago(3 * ports.config.periods.beat))
    .orderBy("beat_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return {
    status: !reported || (oldest ?? 0) > ports.config.periods.overload ? "degraded" : "ok",
    isolation: reported?.isolation ?? null,
    oldestWaitingMs: oldest,
  };
}

import type { Isolation } from "@strongroom/core/document/rendering";
import type { Ports } from "@strongroom/core/ports/ports";

/** `onBeat` hears of every beat, and whether the database took it. */
type Life = {
  name: string;
  kind: string;
  isolation: Isolation | null;
  onBeat?: (taken: boolean) => void;
};

/**
 * Writes down, at every beat, that this worker is alive and how its children are isolated; forgets it at the end. An
 * outage is ridden out: health is for people and alarms, nothing depends on it.
 */
export async function reportHealth(
  ports: Pick<Ports, "database" | "clock" | "config" | "log">,
  life: Life,
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    await report(ports, life).then(
      () => life.onBeat?.(true),
      (error: Error) => {
        life.onBeat?.(false);
        ports.log.warn("health.not_reported", { error });
      },
    );
    await ports.clock.sleep(ports.config.periods.beat, stopping);
  }
  await ports.database.system
    .deleteFrom("worker")
    .where("name", "=", life.name)
    .execute()
    .catch(() => {}); // nobody believes a beat that is three periods old
}

/** Beats bear the time of the database, whose clock they are judged by: a node's own may be wrong. */
async function report(ports: Pick<Ports, "database">, { name, kind, isolation }: Life): Promise<void> {
  await ports.database.system
    .insertInto("worker")
    .values({ name, kind, isolation: isolation && JSON.stringify(isolation) })
    .onConflict((conflict) =>
      conflict.column("name").doUpdateSet((eb) => ({
        isolation: eb.ref("excluded.isolation"),
        beat_at: eb.ref("excluded.beat_at"),
      })),
    )
    .execute();
}

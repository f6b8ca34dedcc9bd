import type { TenantId } from "./ids.ts";

/** Batches that may lie open before all of them are given away, however full: so many tenants may come in turns. */
const mostOpen = 100;

/**
 * Runs of at most `most` items of one tenant, out of a list of any order. What a list gave before it failed comes before its
 * error.
 */
export async function* tenantBatches<Item extends { tenantId: TenantId }>(
  items: AsyncIterable<Item>,
  most: number,
): AsyncGenerator<[Item, ...Item[]]> {
  const open = new Map<TenantId, [Item, ...Item[]]>();
  let damage: { error: unknown } | null = null;
  try {
    for await (const item of items) {
      const batch = open.get(item.tenantId) ?? ([] as unknown as [Item]);
      batch.push(item);
      open.set(item.tenantId, batch);
      if (batch.length === most) {
        open.delete(item.tenantId);
        yield batch;
      } else if (open.size === mostOpen) {
        yield* open.values();
        open.clear();
      }
    }
  } catch (error) {
    damage = { error };
  }
  yield* open.values();
  if (damage) throw damage.error;
}

import type { TenantId } from "./ids.ts";

/**
 * Runs of at most `most` items of one tenant, out of a list that comes tenant by tenant. What a list gave before it failed
 * comes before its error.
 */
export async function* tenantBatches<Item extends { tenantId: TenantId }>(
  items: AsyncIterable<Item>,
  most: number,
): AsyncGenerator<[Item, ...Item[]]> {
  let open: [Item, ...Item[]] | null = null;
  let damage: { error: unknown } | null = null;
  try {
    for await (const item of items) {
      if (open && (open[0].tenantId !== item.tenantId || open.length === most)) {
        yield open;
        open = null;
      }
      if (open) open.push(item);
      else open = [item];
    }
  } catch (error) {
    damage = { error };
  }
  if (open) yield open;
  if (damage) throw damage.error;
}

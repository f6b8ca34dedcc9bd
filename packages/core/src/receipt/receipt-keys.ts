import type { PublicKey } from "../ports/keys.ts";
import type { Ports } from "../ports/ports.ts";

/** Public keys of every receipt ever signed, as a JWKS: keep a copy and receipts verify without us. */
export async function receiptKeys(ports: Pick<Ports, "keys">): Promise<{ keys: PublicKey[] }> {
  return { keys: await ports.keys.publicKeys() };
}

import { reconcile } from "@strongroom/core/upload/reconcile";
import type { RoundCounts } from "@strongroom/core/upload/round";
import { connectedPorts } from "../ports.ts";

/** A round of the reconciler, every minute; the next makes up for one that throws. Null when another one is at it. */
export async function handler(): Promise<RoundCounts | null> {
  return await reconcile(await connectedPorts());
}

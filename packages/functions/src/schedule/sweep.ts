import { sweep } from "@strongroom/core/upload/sweep";
import type { RoundCounts } from "@strongroom/core/upload/round";
import { connectedPorts } from "../ports.ts";

/** A sweep through all of staging and vault, every hour. Null when another one is at it. */
export async function handler(): Promise<RoundCounts | null> {
  return await sweep(await connectedPorts());
}

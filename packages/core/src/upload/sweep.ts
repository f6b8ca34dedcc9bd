import { collectVault } from "../document/collect-vault.ts";
import { replayTombstones } from "../retention/replay-tombstones.ts";
import { adoptStaging } from "./adopt-staging.ts";
import { collectStaging } from "./clear-staging.ts";
import type { ReceivePorts } from "./receive-document.ts";
import { type RoundCounts, runRound } from "./round.ts";

/**
 * Looks through all tombstones, all of staging and all of the vault: for what a restored database forgot, and for orphans.
 * Takes as long as there is much to look at, and the reconciler goes on meanwhile. One holder at a time; null when it is
 * another.
 */
export async function sweep(ports: ReceivePorts): Promise<RoundCounts | null> {
  return await runRound(ports, "sweep", {
    tombstonesReplayed: replayTombstones,
    stagingAdopted: adoptStaging,
    stagingOrphans: collectStaging,
    vaultOrphans: collectVault,
  });
}

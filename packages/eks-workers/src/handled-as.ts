import type { Processing } from "@strongroom/core/document/process-document";
import { LoneFault } from "@strongroom/core/errors";
import type { Handled } from "./loop.ts";

/**
 * What became of a document says that all is there, that a fault of ours met it, or nothing of the kind: somebody else has it,
 * the fault is of this document alone, or it was rejected, which asks neither the keys nor the vault.
 */
export function handledAs({ outcome, fault }: Processing): Handled {
  switch (outcome) {
    case "stored":
      return "well";
    case "retried":
    case "failed":
      return fault instanceof LoneFault ? "neither" : "fault";
    case "rejected":
    case "released":
    case "lost":
    case "skipped":
      return "neither";
  }
}

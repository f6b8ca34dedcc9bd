import type { Processed } from "@strongroom/core/document/process-document";
import type { Handled } from "./loop.ts";

/** What became of a document says that all is there, that a fault of ours met it, or (somebody else has it) nothing. */
export function handledAs(outcome: Processed): Handled {
  switch (outcome) {
    case "stored":
    case "rejected":
      return "well";
    case "retried":
    case "failed":
      return "fault";
    case "released":
    case "lost":
    case "skipped":
      return "neither";
  }
}

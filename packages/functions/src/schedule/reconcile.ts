import { type Reconciled, reconcile } from "@strongroom/core/upload/reconcile";
import { connectedPorts } from "../ports.ts";

/**
 * One round of the reconciler, every minute; once an hour with `sweep`, which looks for orphans through all of staging and
 * vault. A round that fails is made up for by the next. Answers with what it did, null when another one is at it.
 */
export async function handler(event: { sweep?: boolean }): Promise<Reconciled | null> {
  const ports = await connectedPorts();
  const startedMs = performance.now();
  const done = await reconcile(ports, { sweep: event.sweep ?? false });
  if (done) ports.log.info("reconcile.done", { ...done, tookMs: Math.round(performance.now() - startedMs) });
  return done;
}

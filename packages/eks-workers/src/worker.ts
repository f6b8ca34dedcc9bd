import type { Isolation } from "@strongroom/core/document/rendering";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Vitals } from "./vitals.ts";

/** What a worker is started with; `name` tells processes of one kind apart, `vitals` are kept where somebody may ask. */
export type WorkerContext = { ports: Ports; name: string; stopping: AbortSignal; vitals?: Vitals };

/** A worker at work: `done` resolves once `stopping` was heard and nothing is in hand. */
export type Running = { done: Promise<void>; isolation: Isolation | null };

export type Worker = (context: WorkerContext) => Promise<Running>;

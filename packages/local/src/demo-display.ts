import type { DemoOrder } from "./demo-orders.ts";
import type { DemoResult, OnState } from "./demo-run.ts";
import { type DemoRow, formatDemoMoment } from "./demo-table.ts";

type Outlet = { write(text: string): unknown; isTTY?: boolean };

/** Above this many documents a line each would drown the reader: one line of counts is shown instead. */
const linePerDocument = 30;
const countsEveryMs = 1_000;
/** Smaller documents are sent before a bar would be read. */
const barFromBytes = 4_000_000;

/** Shows what goes on while it goes on: a line per change, or, for a large batch, how many are in which state. */
export function showProgress(orders: readonly DemoOrder[], outlet: Outlet): OnState {
  const startedMs = performance.now();
  return orders.length <= linePerDocument
    ? showMoments(outlet, startedMs)
    : showCounts(orders.length, outlet, startedMs);
}

function showMoments(outlet: Outlet, startedMs: number): OnState {
  const last = new Map<DemoOrder, string>();
  return (demo, state, progress) => {
    const sent = progress && progress.totalBytes >= barFromBytes ? progress : undefined;
    const line = formatDemoMoment({
      label: demo.label,
      state,
      sinceMs: performance.now() - startedMs,
      ...(sent && { sent }),
    });
    const seen = sent ? `${state} ${Math.floor((4 * sent.sentBytes) / sent.totalBytes)}` : state;
    if (last.get(demo) === seen) return;
    last.set(demo, seen);
    outlet.write(`${line}\n`);
  };
}

function showCounts(total: number, outlet: Outlet, startedMs: number): OnState {
  const states = new Map<DemoOrder, string>();
  let shownMs = startedMs;
  return (demo, state) => {
    if (states.get(demo) === state) return;
    states.set(demo, state);
    const now = performance.now();
    if (now - shownMs < countsEveryMs) return;
    shownMs = now;
    const counts = [...Map.groupBy(states.values(), (one) => one)].map(
      ([one, all]) => `${all.length} ${one}`,
    );
    const line = `${((now - startedMs) / 1_000).toFixed(0).padStart(5)} s  ${states.size} of ${total}: ${counts.join(", ")}`;
    outlet.write(outlet.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  };
}

/** A result as a row of the table. */
export function rowOf({
  demo,
  document,
  state,
  reason,
  confirmationCode,
  tookMs,
  sentBytes,
  faults,
}: DemoResult): DemoRow {
  return {
    label: demo.label,
    pageCount: document?.pageCount ?? null,
    state,
    reason: reason ?? (document?.duplicate ? "duplicate" : null),
    legibility: document?.legibility ?? null,
    sizeBytes: sentBytes,
    storedBytes: document ? document.artefacts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) : null,
    tookMs,
    confirmationCode,
    faults,
  };
}

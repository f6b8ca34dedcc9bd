import type { DocumentView } from "@strongroom/core/api-shapes";
import { Command } from "commander";
import { documentId } from "../document-id.ts";
import { isMoving } from "../follow-document.ts";
import { formatTable } from "../table.ts";
import { explainMissing, explainState, formatDuration, formatMoment } from "../words.ts";
import { answer, connect, type World } from "../world.ts";

const help = `
Examples:
  strongroom trace 0198f1c2-…           each step, how long it took, and what it waits for now
  strongroom trace 0198f1c2-… --json`;

type Step = { at: string; action: string; afterMs: number | null };

/** What `strongroom trace --json` answers; `waitingFor` null: nothing, it is settled. */
export type Trace = {
  documentId: string;
  state: DocumentView["state"];
  steps: Step[];
  /** From the announcement to where it settled; to the last step while it has not. */
  totalMs: number;
  waitingFor: string | null;
  waitingMs: number | null;
};

/** `strongroom trace`: the timeline of one document, with the time between its steps. */
export function traceCommand(world: World): Command {
  return new Command("trace")
    .description("How a document went, step by step, and where it waits")
    .argument("<id>", "document", documentId)
    .addHelpText("after", help)
    .action((id: string) => trace(world, id));
}

async function trace(world: World, id: string): Promise<void> {
  const client = await connect(world);
  const { document } = await client.call("showDocument", { params: { id }, signal: world.signal });
  const traced = traceDocument(document, world.now());
  answer(world, traced, describeTrace(traced, document));
}

/** The steps of a document in the order of time, and what it waits for at `now`. */
export function traceDocument(document: DocumentView, now: Date): Trace {
  const timeline = document.timeline.toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at));
  const steps = timeline.map(({ at, action }, index) => {
    const before = timeline[index - 1];
    return { at, action, afterMs: before === undefined ? null : Date.parse(at) - Date.parse(before.at) };
  });
  const waitingFor = isMoving(document) ? whatFor(document) : null;
  const since = Date.parse(document.changedAt);
  return {
    documentId: document.id,
    state: document.state,
    steps,
    totalMs: wayMs(document, steps),
    waitingFor,
    waitingMs: waitingFor === null ? null : Math.max(0, now.getTime() - since),
  };
}

/** By its own moments: a timeline holds the latest steps only, and reading goes on for years. */
function wayMs({ createdAt, settledAt }: DocumentView, steps: readonly Step[]): number {
  if (settledAt !== null) return Date.parse(settledAt) - Date.parse(createdAt);
  return steps.reduce((sum, { afterMs }) => sum + (afterMs ?? 0), 0);
}

/** What settles a document; a redriven one settles again. */
const settling = ["document.stored", "document.rejected", "document.failed", "upload.expired"];

/** The steps up to where it settled; those after it (a hold, a reading) are no part of its way. */
function stepsOfWay({ settledAt }: DocumentView, steps: readonly Step[]): readonly Step[] {
  if (settledAt === null) return steps;
  return steps.slice(0, steps.findLastIndex(({ action }) => settling.includes(action)) + 1);
}

/** Who has to act next. */
function whatFor(document: DocumentView): string {
  switch (document.state) {
    case "granted":
      return `the sender: ${explainMissing(document) ?? "all pages are here, but nobody said that it is complete"}`;
    case "received":
      return "a worker to take it";
    case "processing":
      return "the worker that has it, or the next one when its lease is over";
    case "restoring":
      return "the archive to bring it back";
    default:
      return explainState(document);
  }
}

/** The trace in lines for people. */
export function describeTrace(traced: Trace, document: DocumentView): string[] {
  const way = stepsOfWay(document, traced.steps);
  const longestMs = Math.max(...way.map(({ afterMs }) => afterMs ?? 0));
  const rows = traced.steps.map((step) => {
    const { at, action, afterMs } = step;
    const longest = way.length > 2 && way.includes(step) && afterMs === longestMs ? "longest" : "";
    return [
      `${formatMoment(at)}.${at.slice(20, 23).padEnd(3, "0")}`,
      afterMs === null ? "" : `+${formatDuration(afterMs)}`,
      action,
      longest,
    ];
  });
  const end =
    traced.waitingFor === null
      ? `settled: ${explainState(document)}, after ${formatDuration(traced.totalMs)}`
      : `waits since ${formatDuration(traced.waitingMs ?? 0)} for ${traced.waitingFor}`;
  return [
    `document ${traced.documentId}${document.confirmationCode === null ? "" : `, confirmation code ${document.confirmationCode}`}`,
    ...formatTable(
      [{ title: "at" }, { title: "after", align: "right" }, { title: "step" }, { title: "" }],
      rows,
    ),
    end,
  ];
}

import { type Histogram, histogramOf } from "./histogram.ts";
import { runOpenLoop, type Schedule, type Sent } from "./open-loop.ts";
import { sendDocument } from "./send-document.ts";
import type { Company, Outcome, StartedSystem } from "./started-system.ts";

/** What was sent to a system: the id of each document that was taken. */
export type Offered = Sent<string>[];

/** Sends documents of a company by a schedule, its drivers in turn. */
export function offer(company: Company, schedule: Schedule, photo: Uint8Array): Promise<Offered> {
  const { drivers } = company;
  return runOpenLoop(schedule, (index) => sendDocument(drivers[index % drivers.length]!, photo));
}

/** What became of them: durations in milliseconds, and how many were not taken or are not `stored`. */
export type Journey = {
  /** From when the first request was due to the answer that all has arrived. */
  sent: Histogram;
  /** From `received` to `stored`, by the database's clock. */
  processed: Histogram;
  /** From when the first request was due to `stored`. */
  stored: Histogram;
  refused: number;
  unstored: number;
};

/** Compares what was sent with what the database says, once all is settled. */
export async function follow(system: StartedSystem, offered: Offered): Promise<Journey> {
  const outcomes = await system.outcomes();
  const taken = offered.filter(({ answer }) => answer !== null);
  const stored = taken.flatMap(({ intendedMs, endedMs, answer }) => {
    const outcome = outcomes.get(answer!);
    return outcome?.state === "stored" ? [{ intendedMs, endedMs, ...settledAt(outcome) }] : [];
  });
  return {
    sent: histogramOf(taken.map(({ intendedMs, endedMs }) => endedMs - intendedMs)),
    processed: histogramOf(stored.map(({ receivedMs, settledMs }) => settledMs - receivedMs)),
    stored: histogramOf(stored.map(({ intendedMs, settledMs }) => settledMs - intendedMs)),
    refused: offered.length - taken.length,
    unstored: taken.length - stored.length,
  };
}

const settledAt = ({ receivedMs, settledMs }: Outcome) => ({
  receivedMs: receivedMs!,
  settledMs: settledMs!,
});

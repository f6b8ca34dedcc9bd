import { freezeProcessor } from "./freeze-processor.ts";
import { wallMs } from "./open-loop.ts";
import { sendDocument } from "./send-document.ts";
import { settleLimitMs } from "./scenario.ts";
import type { Outcome, StartedSystem } from "./started-system.ts";

const atOnce = 8;
/** Documents that warm everything up. */
const warmUp = 200;

/**
 * Documents per second that a system stores when nothing else goes on: the median of several times so many, once as many, or
 * two hundred, have warmed everything up. One time alone was anything from 13 to 21 on one machine within the hour, and a flood with it.
 */
export async function cleanSpeed(
  system: StartedSystem,
  photo: Uint8Array,
  { documents, times }: { documents: number; times: number },
): Promise<number> {
  await oneSpeed(system, photo, Math.min(documents, warmUp));
  const speeds: number[] = [];
  for (let n = 0; n < times; n += 1) speeds.push(await oneSpeed(system, photo, documents));
  return speeds.toSorted((a, b) => a - b)[Math.floor(times / 2)]!;
}

/** Of documents that came in while the processor stood still. */
async function oneSpeed(system: StartedSystem, photo: Uint8Array, documents: number): Promise<number> {
  const goOn = await freezeProcessor(system);
  await sendAll(system, photo, documents);
  const resumedMs = wallMs();
  goOn();
  await system.untilStored(settleLimitMs);
  return drainSpeed(await system.outcomes(), resumedMs);
}

async function sendAll({ companies }: StartedSystem, photo: Uint8Array, count: number): Promise<void> {
  const { drivers } = companies[0]!;
  let left = count;
  await Promise.all(
    Array.from({ length: atOnce }, async (_, index) => {
      while (left-- > 0) await sendDocument(drivers[index]!, photo);
    }),
  );
}

/** Documents stored per second, from when the processor went on until the last that had waited was stored. */
export function drainSpeed(outcomes: ReadonlyMap<string, Outcome>, resumedMs: number): number {
  const settled = [...outcomes.values()].filter(({ settledMs }) => settledMs! > resumedMs);
  const waited = settled.filter(({ receivedMs }) => receivedMs! < resumedMs);
  const drainedMs = Math.max(...waited.map(({ settledMs }) => settledMs!));
  const done = settled.filter(({ settledMs }) => settledMs! <= drainedMs).length;
  return (done * 1_000) / (drainedMs - resumedMs);
}

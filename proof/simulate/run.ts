import { Worker } from "node:worker_threads";
import type { Order, Report } from "./worker.ts";

/** Young objects of a history die with it: a large nursery spares most collections. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };

/** Plays one order in a thread of its own. */
async function playInThread(order: Order): Promise<Report> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: order, resourceLimits });
  try {
    return await new Promise<Report>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", (code) =>
        reject(new Error(`a thread ended with code ${code} before it had reported`)),
      );
    });
  } finally {
    await worker.terminate();
  }
}

/** Plays histories of the product as it is, shared among threads; the violation of the lowest seed, if there is one. */
export async function playHonest(from: number, histories: number, threads: number): Promise<Report> {
  const reports = await Promise.all(
    Array.from({ length: threads }, (_, thread) =>
      playInThread({
        from: from + thread,
        stride: threads,
        histories: Math.ceil((histories - thread) / threads),
        plant: null,
      }),
    ),
  );
  const faults = new Map<string, number>();
  for (const [kind, count] of reports.flatMap((report) => report.faults))
    faults.set(kind, (faults.get(kind) ?? 0) + count);
  const violations = reports.flatMap(({ violation }) => violation ?? []);
  return {
    histories: reports.reduce((sum, report) => sum + report.histories, 0),
    steps: reports.reduce((sum, report) => sum + report.steps, 0),
    cleared: reports.reduce((sum, report) => sum + report.cleared, 0),
    faults: [...faults].toSorted(([one], [other]) => (one < other ? -1 : 1)),
    violation: violations.toSorted((one, other) => one.seed - other.seed)[0] ?? null,
  };
}

/** A planted bug, and the history that found it; `violation` null when none of them did. */
export type Found = { plant: string } & Pick<Report, "histories" | "violation">;

type Planting = { names: readonly string[]; from: number; most: number; threads: number };

/**
 * Plants bugs, each in a thread of its own, and looks whether histories from `from` on find them. A history in which the
 * product does not hold without the bug either proves nothing: it throws.
 */
export async function playPlanted(
  { names, from, most, threads }: Planting,
  tell: (found: Found) => void,
): Promise<Found[]> {
  const waiting = [...names];
  const found: Found[] = [];
  const work = async () => {
    for (let plant = waiting.shift(); plant; plant = waiting.shift()) {
      const { histories, violation } = await playInThread({ from, stride: 1, histories: most, plant });
      found.push({ plant, histories, violation });
      tell(found.at(-1)!);
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
  await checkHonest(found.flatMap(({ violation }) => violation?.seed ?? []));
  return found;
}

async function checkHonest(seeds: readonly number[]): Promise<void> {
  const { violation } = await playInThread({ seeds, plant: null });
  if (violation) throw new Error(`seed ${violation.seed} does not hold without the planted bug either`);
}

import type { Outcome } from "./history.ts";
import { plantSources } from "./plant-sources.ts";
import { plants } from "./plants.ts";
import { lightenAborts } from "./world/light-abort.ts";

/** Plays one seed so that every step can be read, with one of the planted bugs if it is named. */
export async function traceHistory(seed: number, plantName: string | null): Promise<Outcome> {
  const plant = plants.find(({ name }) => name === plantName);
  if (plantName !== null && !plant)
    throw new Error(
      `there is no bug “${plantName}”; there are: ${plants.map(({ name }) => name).join(", ")}`,
    );
  lightenAborts(); // as in the threads: the order of listeners is part of a history
  const check = plant ? plantSources(plant) : () => {};
  const { playHistory } = await import("./history.ts");
  check();
  return await playHistory(seed, true);
}

import type { Ports } from "@strongroom/core/ports/ports";

/** Requests of one tenant that one process works on at once; a server on one machine has all tenants in one process. */
const atOnce = 2;
/** Then a request goes on all the same: whatever holds the ones before it, nobody is answered later than that for it. */
const patienceMs = 250;

/** Gives a place back; once is enough. */
export type Leave = () => void;

/**
 * Lets few requests of each tenant be worked on at once, first come, first served: those of one that floods wait for one
 * another, and in nobody else's way. Where a process has one request at a time, as on AWS Lambda, nobody ever waits.
 */
export class TenantPlaces {
  readonly #tenants = new Map<string, { taken: number; line: (() => void)[] }>();

  /** Resolves when there is a place, and after a quarter of a second without. */
  async enter({ clock }: Pick<Ports, "clock">, tenantId: string): Promise<Leave> {
    const places = this.#tenants.get(tenantId) ?? { taken: 0, line: [] };
    this.#tenants.set(tenantId, places);
    const isGiven = places.taken >= atOnce && (await wait(clock, places.line));
    if (!isGiven) places.taken += 1;
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const next = places.line.shift();
      if (next) return next();
      places.taken -= 1;
      if (places.taken === 0) this.#tenants.delete(tenantId);
    };
  }
}

/** Whether the place of one that left was given to us. */
async function wait(clock: Ports["clock"], line: (() => void)[]): Promise<boolean> {
  const called = new AbortController();
  const call = () => called.abort();
  line.push(call);
  await clock.sleep(patienceMs, called.signal);
  if (called.signal.aborted) return true;
  line.splice(line.indexOf(call), 1);
  return false;
}

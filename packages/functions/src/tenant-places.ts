import { availableParallelism } from "node:os";
import type { Ports } from "@strongroom/core/ports/ports";
import { fairShareOf, TenantsTogether } from "@strongroom/core/tenants-together";

/** Gives a place back; once is enough. */
export type Leave = () => void;
type Waits = { taken: number; line: (() => void)[] };

/**
 * Lets so many requests of each tenant be worked on at once (as there are cores, unless told), half as many (one at least) while others' come in,
 * first come, first served: those of one that floods wait for one another, and in nobody else's way. A server on one machine has all tenants in
 * one process; where a process has one request at a time, as on AWS Lambda, nobody ever waits.
 */
export class TenantPlaces {
  readonly #atOnce: number;
  readonly #tenants = new Map<string, Waits>();
  readonly #together = new TenantsTogether();

  constructor(atOnce = availableParallelism()) {
    this.#atOnce = atOnce;
  }

  /** Resolves when there is a place, and after `patienceMs` without: nobody is answered later than that for those before him. */
  async enter({ clock }: Pick<Ports, "clock">, tenantId: string, patienceMs: number): Promise<Leave> {
    const places = this.#placesOf(clock, tenantId);
    if (!(await this.#take(clock, places, patienceMs))) places.taken += 1;
    return this.#leaveOnce(clock, tenantId, places);
  }

  /** The same for work that holds what others need meanwhile: null after `patienceMs` without a place. */
  async enterIfFree(
    { clock }: Pick<Ports, "clock">,
    tenantId: string,
    patienceMs: number,
  ): Promise<Leave | null> {
    const places = this.#placesOf(clock, tenantId);
    return (await this.#take(clock, places, patienceMs)) ? this.#leaveOnce(clock, tenantId, places) : null;
  }

  #placesOf(clock: Ports["clock"], tenantId: string): Waits {
    this.#together.note(tenantId, clock.monotonicMs());
    const places = this.#tenants.get(tenantId) ?? { taken: 0, line: [] };
    this.#tenants.set(tenantId, places);
    return places;
  }

  /** Whether there was a place within the patience; then it is taken. */
  async #take(clock: Ports["clock"], places: Waits, patienceMs: number): Promise<boolean> {
    this.#callIn(clock, places); // there may be more places than when they came
    const mustWait = places.line.length > 0 || places.taken >= this.#most(clock);
    if (mustWait) return await wait(clock, places.line, patienceMs);
    places.taken += 1;
    return true;
  }

  #leaveOnce(clock: Ports["clock"], tenantId: string, places: Waits): Leave {
    let isIn = true;
    return () => {
      if (isIn) this.#leave(clock, tenantId, places);
      isIn = false;
    };
  }

  #leave(clock: Ports["clock"], tenantId: string, places: Waits): void {
    places.taken -= 1;
    this.#callIn(clock, places);
    if (places.taken === 0) this.#tenants.delete(tenantId);
  }

  /** Those who are called in have their places from that moment on: nobody passes them. */
  #callIn(clock: Ports["clock"], places: Waits): void {
    while (places.line.length > 0 && places.taken < this.#most(clock)) {
      places.taken += 1;
      places.line.shift()!();
    }
  }

  #most(clock: Ports["clock"]): number {
    return fairShareOf(this.#atOnce, this.#together.areAt(clock.monotonicMs()));
  }
}

/** Whether the place of one that left was given to us. */
async function wait(clock: Ports["clock"], line: (() => void)[], patienceMs: number): Promise<boolean> {
  const called = new AbortController();
  const call = () => called.abort();
  line.push(call);
  await clock.sleep(patienceMs, called.signal);
  if (called.signal.aborted) return true;
  line.splice(line.indexOf(call), 1);
  return false;
}

/** What comes this close on one another comes together. */
const withinMs = 1_000;

/** Whether more than one tenant asks for work now, told from who came when: within a second of one another. */
export class TenantsTogether {
  #last = { tenantId: "", atMs: -Infinity };
  #metAtMs = -Infinity;

  /** Notes who comes; `nowMs` of a clock that never runs backwards. */
  note(tenantId: string, nowMs: number): void {
    const { tenantId: before, atMs } = this.#last;
    if (tenantId !== before && nowMs - atMs < withinMs) this.#metAtMs = nowMs;
    this.#last = { tenantId, atMs: nowMs };
  }

  /** Whether two came together within the last second. */
  areAt(nowMs: number): boolean {
    return nowMs - this.#metAtMs < withinMs;
  }
}

/** What one tenant may have of a process, in works at once: half of the cores, one at least, while others come too; else all of them. */
export function fairShareOf(cores: number, isShared: boolean): number {
  return isShared ? Math.max(1, Math.floor(cores / 2)) : cores;
}

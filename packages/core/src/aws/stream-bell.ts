/** Wakes whoever waits. Take `next` before looking at what it announces: a ring in between is then not missed. */
export class Bell {
  #next = Promise.withResolvers<void>();

  get next(): Promise<void> {
    return this.#next.promise;
  }

  ring(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  }
}

import type { Step } from "./schedule.ts";

/** One life of a simulated process: when it is killed, nothing of it ever goes on. */
export class Process {
  readonly name: string;
  alive = true;
  /** Steps that wait for SIGCONT; null while the process runs. */
  held: Step[] | null = null;
  readonly #endings = new Set<() => void>();

  constructor(name: string) {
    this.name = name;
  }

  /** What the world does when this process is gone: its transactions roll back, its locks are free. Answers how to forget it. */
  atEnd(ending: () => void): () => void {
    this.#endings.add(ending);
    return () => void this.#endings.delete(ending);
  }

  end(): void {
    this.alive = false;
    this.held = null;
    for (const ending of this.#endings) ending();
    this.#endings.clear();
  }
}

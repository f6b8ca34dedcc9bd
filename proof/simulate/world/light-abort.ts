type Listener = () => void;

/** An AbortSignal with what the product uses of it, and nothing of the event machinery that makes Node's so dear. */
class LightSignal {
  aborted = false;
  reason: unknown = undefined;
  #listeners: Set<Listener> | null = null;

  static any(signals: readonly LightSignal[]): LightSignal {
    const both = new LightSignal();
    for (const signal of signals) {
      if (signal.aborted) both.abort(signal.reason);
      else signal.addEventListener("abort", () => both.abort(signal.reason));
    }
    return both;
  }

  addEventListener(_type: "abort", listener: Listener): void {
    if (!this.aborted) (this.#listeners ??= new Set()).add(listener);
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    this.#listeners?.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason as Error;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners;
    this.#listeners = null;
    for (const listener of listeners ?? []) listener();
  }
}

const byDefault = new Error("This operation was aborted");
byDefault.name = "AbortError";

class LightController {
  readonly signal = new LightSignal();

  abort(reason: unknown = byDefault): void {
    this.signal.abort(reason);
  }
}

/** Gives this thread the light ones: listeners are told in their order, at once and only once, as by Node's own. */
export function lightenAborts(): void {
  Object.assign(globalThis, { AbortController: LightController, AbortSignal: LightSignal });
}

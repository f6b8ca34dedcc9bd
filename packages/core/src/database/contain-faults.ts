import { isOutage } from "./outage.ts";

/** Keeps the fault of one item from those behind it; see `containFaults`. */
export type Contained<Item> = {
  /** Answers what `work` answers; false when it failed. Throws only when a dependency is away: all others would fail as well. */
  did(item: Item, work: () => Promise<boolean>): Promise<boolean>;
  /** Comes last: throws when any item has failed, so that the step counts as failed. */
  end(): void;
};

/** For a step that goes through many items of which one may fail: it is told, and the others have their turn. */
export function containFaults<Item>(tell: (item: Item, error: Error) => void): Contained<Item> {
  const faults: unknown[] = [];
  return {
    async did(item, work) {
      try {
        return await work();
      } catch (error) {
        if (isOutage(error)) throw error;
        tell(item, error as Error);
        faults.push(error);
        return false;
      }
    },
    end() {
      if (faults.length > 0) throw new Error(`failed for ${faults.length} of them`, { cause: faults[0] });
    },
  };
}

import { type InjuryKind, sparesRelay } from "./plan.ts";

/** Tries for each kill that did not get to its point while others were done to the system. */
const triesMore = 3;

/**
 * Kills relays between publish and mark, `wanted` times in all, beside what is done to others: by itself, each kill would
 * take the time of a restart. `strike` does one and tells whether it struck there. A relay that did not come to its point counts as none, and another is killed in its place.
 */
export function relayKiller(strike: () => Promise<boolean>, wanted: number) {
  let struck = 0;
  const kill = async () => {
    if (await strike()) struck += 1;
  };
  return {
    /** Kills what is due by this share of the run, one for an injury; processors that stand still leave time for more. */
    async beside(kind: InjuryKind, share: number): Promise<void> {
      const most = kind === "freeze processor" ? 3 : 1;
      for (let n = 0; sparesRelay.has(kind) && n < most && struck < Math.ceil(wanted * share); n++)
        await kill();
    },
    /** What is left of them. */
    async rest(): Promise<void> {
      for (let tries = triesMore * (wanted - struck); tries > 0 && struck < wanted; tries--) await kill();
    },
  };
}

import { lowerPriority } from "@strongroom/eks-workers/render/share";

/** An eighth of what the system gets where both want one core. */
const niceness = 10;

/**
 * Puts the harness behind the system that it watches, called once that system runs: it decodes what came of every file,
 * and on the same cores that would count as the system's slowness.
 */
export const standBack = (): void => lowerPriority(process.pid, niceness);

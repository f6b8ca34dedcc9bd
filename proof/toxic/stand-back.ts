import { readFileSync } from "node:fs";
import { lowerPriority, weighSession } from "@strongroom/eks-workers/render/share";

/** An eighth of what the system gets where both want one core. */
const niceness = 10;

/**
 * Puts the harness behind the system that it watches, called once that system runs: what it does itself would count as the
 * system's slowness. Answers how to come forward: its session, which is that of a person's shell, has its weight again then,
 * and when the process ends before.
 */
export function standBack(): () => void {
  const before = weightOfSession();
  const comeForward = () => weighSession(process.pid, before);
  lowerPriority(process.pid, niceness);
  weighSession(process.pid, niceness);
  process.once("exit", comeForward);
  return () => {
    process.removeListener("exit", comeForward);
    comeForward();
  };
}

/** 0, as it is unless somebody changed it, where the kernel does not group by session. */
function weightOfSession(): number {
  try {
    return Number(/nice (-?\d+)/.exec(readFileSync("/proc/self/autogroup", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

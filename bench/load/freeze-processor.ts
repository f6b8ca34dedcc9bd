import type { StartedSystem } from "./started-system.ts";

/** Stops the processor and its decode children where they are; the answer lets them go on. */
export async function freezeProcessor(system: StartedSystem): Promise<() => void> {
  const stopped = (await system.processes()).filter(
    ({ kind, command }) => kind === "decoder" || (kind === "worker" && command.includes(" processor")),
  );
  const tell = (signal: "SIGSTOP" | "SIGCONT") => {
    for (const { pid } of stopped) process.kill(pid, signal);
  };
  tell("SIGSTOP");
  return () => tell("SIGCONT");
}

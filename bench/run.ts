import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Runs a command without a shell; rejects when it fails. */
export const run = promisify(execFile);

/** Whether a command is on this machine. */
export async function has(command: string): Promise<boolean> {
  return await run("which", [command]).then(
    () => true,
    () => false,
  );
}

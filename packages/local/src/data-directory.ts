import { chmod, mkdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { Refusal } from "@strongroom/core/errors";
import { holdDirectory } from "./postgres-leftover.ts";

/** A directory that is ours alone until `letGo`, or until this process ends. */
export type HeldDirectory = { path: string; letGo(): Promise<void> };

/** Makes the data directory if need be and holds it. Throws a Refusal when it cannot be used, or when somebody else has it. */
export async function openDataDirectory(wanted: string): Promise<HeldDirectory> {
  const path = await makeUsable(resolve(wanted)).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(
      "data_directory_unusable",
      `The data directory ${resolve(wanted)} cannot be used (${error.code ?? error.message}). Choose another with STRONGROOM_DATA, or make it writable for you.`,
    );
  });
  const hold = await holdDirectory(path);
  return { path, letGo: () => new Promise((done) => hold.close(() => done())) };
}

/** Mode 0711: PostgreSQL must pass through when it runs as somebody else; all within is closed. */
async function makeUsable(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o711);
  return await realpath(path);
}

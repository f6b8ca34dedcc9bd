import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { defaultPatience, type Patience } from "./patience.ts";
import type { ExitCode } from "./problems.ts";
import { runProgram } from "./program.ts";

/** Waits for nothing and tells how long it would have waited. */
export function impatience(): Patience & { waitedMs: number[] } {
  const waitedMs: number[] = [];
  return {
    ...defaultPatience,
    waitedMs,
    random: () => 0.5,
    sleep: async (delayMs, signal) => {
      waitedMs.push(delayMs);
      await new Promise(setImmediate);
      signal?.throwIfAborted();
    },
  };
}

/** A home directory of its own, with files in it; `remove` takes it away. */
export async function makeHome() {
  const path = await mkdtemp(join(tmpdir(), "strongroom-cli-"));
  return {
    path,
    /** Writes a file and answers with its path. */
    async file(name: string, bytes: Uint8Array | string): Promise<string> {
      await writeFile(join(path, name), bytes);
      return join(path, name);
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

type RunOptions = {
  home: string;
  /** Whose URL and token the environment holds; null: nobody's. */
  as: { url: string; token: string } | null;
  stdin?: string;
  tty?: boolean;
  signal?: AbortSignal;
  patience?: Patience;
};

/** Runs one command line in this process, as a terminal would see it. */
export async function runCommand(
  argv: readonly string[],
  options: RunOptions,
): Promise<{ code: ExitCode; stdout: string; stderr: string }> {
  const {
    home,
    as,
    stdin = "",
    tty = false,
    signal = new AbortController().signal,
    patience = impatience(),
  } = options;
  const outlets = { stdout: outlet(tty), stderr: outlet(tty) };
  const environment = as === null ? {} : { STRONGROOM_URL: as.url, STRONGROOM_TOKEN: as.token };
  const input = { environment, home, stdin: Readable.from([stdin]), signal, patience, ...outlets };
  const code = await runProgram(argv, input);
  return { code, stdout: outlets.stdout.text(), stderr: outlets.stderr.text() };
}

function outlet(isTTY: boolean) {
  let text = "";
  return {
    isTTY,
    columns: 100,
    write: (piece: string) => void (text += piece),
    text: () => text,
    on: () => {},
    once: () => {},
    removeListener: () => {},
  };
}

import { type Client, type ClientOptions, createClient } from "./client.ts";
import type { Patience } from "./patience.ts";
import { type ExitCode, messageOf, problemOf } from "./problems.ts";
import { findLogin, type Settings } from "./settings.ts";
import { formatDuration } from "./words.ts";

/** A place to write text to, and whether a person watches it. */
export type Outlet = { write(text: string): unknown; isTTY?: boolean };

/** What a command runs in: where it writes, what it may read, when it must stop. */
export type World = {
  settings: Settings;
  /** One JSON document in place of text for people. */
  json: boolean;
  stdout: Outlet;
  stderr: Outlet;
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  /** Aborts with an `Interrupted` when the person stops the command. */
  signal: AbortSignal;
  patience: Patience;
  now(): Date;
  /** Ends the command with this code, although nothing was thrown. */
  exitWith(code: ExitCode): void;
};

/** Writes the command's result: the value as JSON, or the lines for people. */
export function answer(world: World, value: unknown, lines: readonly string[]): void {
  world.stdout.write(
    world.json ? `${JSON.stringify(value, null, 2)}\n` : lines.map((line) => `${harmless(line)}\n`).join(""),
  );
}

/** Says something beside the result, on standard error; silent with `--json`. */
export function say(world: World, line: string): void {
  if (!world.json) world.stderr.write(`${harmless(line)}\n`);
}

/** Tells one failure on standard error: a sentence for people, or problem details in one line. */
export function reportFailure({ stderr, json }: Pick<World, "stderr" | "json">, failure: unknown): void {
  stderr.write(json ? `${JSON.stringify(problemOf(failure))}\n` : `${harmless(messageOf(failure))}\n`);
}

/**
 * Text without anything that would command a terminal or turn the direction of writing: names and notes were typed by
 * other people.
 */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "");
}

/** A client for the server that the person is logged in to; says when it tries again. */
export async function connect(world: World): Promise<Client> {
  return createClient({ ...(await findLogin(world.settings)), ...clientManners(world) });
}

/** How any client of this command behaves. */
export function clientManners(
  world: World,
): Pick<ClientOptions, "patience" | "onRetry"> & { patience: Patience } {
  return {
    patience: world.patience,
    onRetry: ({ delayMs, cause }) =>
      say(world, `${cause.message.split(" Check ")[0]} Trying again in ${formatDuration(delayMs)}.`),
  };
}

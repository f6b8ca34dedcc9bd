import { parseArgs } from "node:util";
import { Refusal } from "@strongroom/core/errors";

/** The paths on a command line, or that it asks for help. Throws a Refusal that shows the usage for all else. */
export function readArguments(
  given: string[],
  { usage, takesPaths }: { usage: string; takesPaths: boolean },
): { help: boolean; paths: string[] } {
  try {
    const options = { help: { type: "boolean", short: "h", default: false } } as const;
    const { values, positionals } = parseArgs({ args: given, options, allowPositionals: takesPaths });
    return { help: values.help, paths: positionals };
  } catch {
    throw new Refusal("usage", `Not understood: ${given.join(" ")}\n\n${usage.trimEnd()}`);
  }
}

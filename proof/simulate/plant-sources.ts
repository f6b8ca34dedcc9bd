import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plant } from "./plants.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Changes the sources of modules that this thread loads from now on. Answers a check to be called once all is loaded: it
 * throws unless every patch found its place, so that no change of the product disarms a planted bug in silence.
 */
export function plantSources({ name, patches }: Plant): () => void {
  const waiting = new Map(Map.groupBy(patches, ({ file }) => pathToFileURL(`${root}${file}`).href));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const some = waiting.get(url);
      if (!some || loaded.source === undefined || loaded.source === null) return loaded;
      waiting.delete(url);
      const source =
        typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
      return { ...loaded, source: some.reduce(apply, source) };
    },
  });
  return () => {
    if (waiting.size > 0)
      throw new Error(`the bug “${name}” found no place: ${[...waiting.keys()].join(", ")}`);
  };
}

function apply(source: string, { file, find, replace }: Plant["patches"][number]): string {
  const parts = source.split(find);
  if (parts.length !== 2)
    throw new Error(
      `the text to be replaced stands ${parts.length - 1} times in ${file}, not once:\n${find}`,
    );
  return parts.join(replace);
}

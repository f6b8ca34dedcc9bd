import { registerHooks } from "node:module";
import { breaks, handedOn, nothing } from "./breaks.ts";

/** Loaded as `--import …/break-source.ts?break=<name>`: breaks this process, and hands itself on to those that it starts. */
const self = import.meta.url;

const name = new URL(self).searchParams.get("break") ?? "";
const found = breaks.find((one) => one.name === name);
const patches = [...(found?.patches ?? []), ...handedOn(self)];
if (!found && name !== nothing) throw new Error(`there is no way to break called “${name}”`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const mine = patches.filter(({ file }) => url.endsWith(`/${file}`));
    if (mine.length === 0 || !loaded.source) return loaded;
    let source =
      typeof loaded.source === "string"
        ? loaded.source
        : new TextDecoder().decode(loaded.source as Uint8Array);
    for (const { file, from, to } of mine) {
      if (source.split(from).length !== 2) throw new Error(`${file} does not hold “${from}” exactly once`);
      source = source.replace(from, () => to);
    }
    return { ...loaded, source };
  },
});

import { readFile } from "node:fs/promises";
import type { JwkSet } from "@strongroom/core/receipt/compact-jws";
import * as z from "zod";
import { createClient } from "./client.ts";
import { UsageProblem } from "./problems.ts";
import { checkServerUrl, findServer } from "./settings.ts";
import { clientManners, type World } from "./world.ts";

/** Whose public keys to verify with: a file, or a server. */
export type KeyOptions = { keys?: string; url?: string };

/** The public keys of the file that was named, or of the server. */
export async function findKeys(world: World, options: KeyOptions): Promise<JwkSet> {
  if (options.keys !== undefined && options.url !== undefined)
    throw new UsageProblem("Give either --keys or --url.");
  if (options.keys !== undefined) return await readKeys(options.keys);
  const url = options.url === undefined ? await findServer(world.settings) : checkServerUrl(options.url);
  if (url === null) throw new UsageProblem("Say whose keys: --keys keys.json, or --url https://your.server");
  return await createClient({ url, token: null, ...clientManners(world) }).call("receiptKeys", {
    signal: world.signal,
  });
}

/** Any JWK Set; what is no EC key in it is for others. */
const KeyFile = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

async function readKeys(path: string): Promise<JwkSet> {
  const text = await readText(path);
  try {
    return KeyFile.parse(JSON.parse(text));
  } catch (error) {
    throw new UsageProblem(`${path} is not a set of public keys (a JWK Set).`, { cause: error });
  }
}

/** A file as text; one that cannot be read was named by mistake. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageProblem(`${path} cannot be read.`, { cause: error });
  }
}

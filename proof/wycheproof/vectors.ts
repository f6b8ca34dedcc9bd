import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runClient } from "@strongroom/local/engines/fetch-engine";
import { fetchGo } from "@strongroom/local/engines/fetch-go";
import type { TestContext } from "vitest";

/** The module that carries the vectors (Apache-2.0), of one version and one content. Another version has other counts. */
const module = "github.com/c2sp/wycheproof@v0.0.0-20260902155932-3fa63dd0344a";
const digest = "h1:pNbL2nztRsWfW/ispAwsvcDFxs9Id38uIsR2/Up5G2c=";

/** What every vector has. What is `acceptable` may be taken or not: a form that old programs write, say. */
export type Vector = {
  tcId: number;
  comment: string;
  flags?: string[];
  result: "valid" | "invalid" | "acceptable";
};

/** A file of vectors that were made alike or share a key: each vector has what its group has too. */
type VectorFile = { numberOfTests: number; testGroups: { tests: Vector[] }[] };

/** For `beforeAll`, with a time that a download may take; whether it came to anything each test says itself. */
export const fetchVectors = (): Promise<unknown> => fetched().catch(() => null);
export const fetchLimitMs = 10 * 60_000;

/**
 * The vectors of a file by its name without `_test.json`, each with the members of its group. Where Go or the registry is
 * missing, the test is skipped and says so; with CI=true it fails. Throws when they are other vectors.
 */
export async function vectorsOf<V extends Vector>(context: TestContext, name: string): Promise<V[]> {
  const { Dir, Sum } = await fetched().catch((error: Error) => {
    if (process.env["CI"] === "true") throw error;
    return context.skip(`the vectors are not to be had: ${error.message}`);
  });
  if (Sum !== digest) throw new Error(`${module} is ${Sum}, not ${digest}`);
  const text = await readFile(join(Dir, "testvectors_v1", `${name}_test.json`), "utf8");
  const { numberOfTests, testGroups } = JSON.parse(text) as VectorFile;
  const vectors = testGroups.flatMap(({ tests, ...shared }) => tests.map((one) => ({ ...shared, ...one })));
  if (vectors.length !== numberOfTests) throw new Error(`${name} has ${vectors.length} of ${numberOfTests}`);
  return vectors as Vector[] as V[];
}

type Module = { Dir: string; Sum: string };
let fetching: Promise<Module> | null = null;
const fetched = () => (fetching ??= fetchModule());

/** Where Go keeps the module, and the digest of all its files; Go fetches what it has not yet. */
async function fetchModule(): Promise<Module> {
  const { command, env } = await fetchGo();
  const said = await runClient(command, ["mod", "download", "-json", module], {
    cwd: tmpdir(), // in no module of anybody's
    env: { ...env, GOFLAGS: "-mod=mod" },
  });
  return JSON.parse(said) as Module;
}

/** Bytes of a vector: they are written in hex. */
export const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

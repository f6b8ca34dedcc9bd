import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One function as it would be uploaded. */
export type Bundle = { file: string; sizeBytes: number; faults: string[] };

/** Start-up and live debugging both pay for every byte: SST sends a bundle anew at each change. */
const limitBytes = 2 * 1024 * 1024;
/** What belongs to the workers or to no function at all. */
const unwanted = [
  /\bfrom\s*"sharp"/,
  /\bimport\("sharp"\)/,
  /\brequire\w*\("sharp"\)/,
  /\bfrom\s*"pg-native"/,
];

/** Every bundle below SST's folder of artefacts, with what is wrong about it. */
export function measureBundles(artifacts: string): Bundle[] {
  return bundlesIn(artifacts).map((file) => {
    const text = readFileSync(join(artifacts, file), "utf8");
    const sizeBytes = Buffer.byteLength(text);
    const faults = unwanted
      .filter((pattern) => pattern.test(text))
      .map((pattern) => `contains ${pattern.source}`);
    if (sizeBytes > limitBytes) faults.push(`${(sizeBytes / 1024 / 1024).toFixed(2)} MiB`);
    return { file: file.replace(/^[^/]+\//, ""), sizeBytes, faults };
  });
}

/**
 * Loads every bundle in a process of its own, as Lambda would, with no configuration; answers which do not load or export
 * no handler. Bundling leaves faults that only loading shows, such as a `require` of what is not there.
 */
export function loadBundles(artifacts: string, environment: Record<string, string>): string[] {
  const program = `
    const faults = [];
    for (const file of process.argv.slice(1)) {
      const loaded = await import(file).catch((error) => error);
      if (typeof loaded.handler !== "function") faults.push(file + ": " + (loaded.message ?? "exports no handler"));
    }
    process.stdout.write(JSON.stringify(faults));
    process.exit(0);
  `;
  const files = bundlesIn(artifacts).map((file) => join(artifacts, file));
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", program, ...files], {
    env: environment,
    encoding: "utf8",
  });
  return (JSON.parse(said) as string[]).map((fault) => fault.replace(`${artifacts}/`, ""));
}

const bundlesIn = (artifacts: string): string[] =>
  readdirSync(artifacts, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".mjs") && !file.includes("node_modules"),
  );

import { importRows } from "./import-rows.ts";
import type { PlantedFile } from "./planted-tree.ts";
import { violations } from "./violations.ts";

/** A tree without one violation, or the same tree with all of them. */
export type Half = "honest" | "planted";

/** What the probes may import and what stands beside them; nothing in it breaks a rule. */
const stubs = `
  packages/core/src/errors.ts packages/core/src/ids.ts packages/core/src/clock.ts packages/core/src/log.ts
  packages/core/src/api.ts packages/core/src/claim-names.ts
  packages/core/src/document/document.ts packages/core/src/document/rendering.ts
  packages/core/src/job/job.ts packages/core/src/event/event.ts packages/core/src/receipt/receipt.ts
  packages/core/src/database/tables.ts packages/core/src/ports/database.ts packages/core/src/aws/objects.ts
  packages/core/src/embedded/objects.ts packages/core/src/embedded/cache.ts packages/functions/src/middleware.ts
  packages/eks-workers/src/loop.ts
  packages/local/src/http.ts packages/cli/src/status.ts stacks/network.ts proof/check/format.ts`;

/** Files that a violation's honest twin needs more of than a stub. */
const particular: PlantedFile[] = [
  { path: "packages/core/src/ports/objects.ts", content: "export type Stub = string;\n" },
  { path: "packages/core/src/config.ts", content: "export type Config = string;\n" },
  { path: "packages/core/src/document/egg.ts", content: 'import "./hen.ts";\n' },
  { path: "vitest.config.ts", content: "export default {};\n" },
  { path: "sst.config.ts", content: 'import "./stacks/network.ts";\nimport "./stacks/probe.ts";\n' },
];

/** Every word of a text, in order. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** The whole tree but its configuration: manifests, stubs, a probe for each row of imports, and the violations. */
export function treeFiles(half: Half): PlantedFile[] {
  const probes = importRows.map(({ path, may, never }) => {
    const names = words(half === "honest" ? may : never);
    return { path, content: names.map((name) => `import "${name}";\n`).join("") };
  });
  const cases = violations.map((violation) => ({ path: violation.path, content: violation[half] }));
  const stubFiles = words(stubs).map((path) => ({ path, content: "performance.now();\n" }));
  const present = cases.filter(({ content }) => content !== "");
  return [...manifests(), ...stubFiles, ...particular, ...probes, ...present];
}

function manifests(): PlantedFile[] {
  return ["core", "functions", "eks-workers", "local", "cli", "console"].map((name) => {
    const dependencies = packagesImportedBelow(`packages/${name}/`);
    const exports = { "./*": "./src/*.ts" };
    const manifest = { name: `@strongroom/${name}`, version: "0.1.0", type: "module", exports, dependencies };
    return { path: `packages/${name}/package.json`, content: JSON.stringify(manifest) };
  });
}

/** Packages that the rows of a folder may import, as a manifest names them; the tools' own are the root's. */
export function packagesImportedBelow(folder: string): Record<string, string> {
  const names = importRows.filter(({ path }) => path.startsWith(folder)).flatMap(({ may }) => words(may));
  const bare = names.filter((name) => !/^(\.|node:|vitest$)/.test(name));
  const packages = bare.map((name) =>
    name
      .split("/")
      .slice(0, name.startsWith("@") ? 2 : 1)
      .join("/"),
  );
  return Object.fromEntries(packages.map((name) => [name, "*"]));
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { installFaults, lockFaults, manifestFaults, workflowFaults } from "./supply-chain.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const workflows = ".github/workflows";

describe("what others wrote comes in as it was chosen", () => {
  test("every action of a workflow is named by its commit, and no job has a right that it did not ask for", () => {
    const files = readdirSync(join(root, workflows));
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap((name) => workflowFaults(read(join(workflows, name))))).toEqual([]);
    expect(files.some((name) => read(join(workflows, name)).includes("uses: "))).toBe(true);
  });

  test("every package is of one version and has a digest in the lock, which the run installs from", () => {
    const packages = readdirSync(join(root, "packages")).map((name) =>
      join("packages", name, "package.json"),
    );
    const manifests = ["package.json", ...packages];
    expect(manifests.flatMap((path) => manifestFaults(JSON.parse(read(path)) as object))).toEqual([]);
    expect(lockFaults(JSON.parse(read("package-lock.json")) as Parameters<typeof lockFaults>[0])).toEqual([]);
    expect(read(".ci/run")).toContain("\nnpm ci ");
    expect(installFaults(read(".ci/run"))).toEqual([]);
  });

  test("SECURITY.md says how to report, and what lists the packages", () => {
    expect(read("SECURITY.md")).toContain("Report a vulnerability");
    expect(read("SECURITY.md")).toContain("`npm sbom --sbom-format cyclonedx`");
  });
});

describe("what did not is found", () => {
  test.each([
    ["an action by its tag", "permissions: {}\n  steps:\n    - uses: actions/checkout@v6\n"],
    ["an action by a short commit", "permissions: {}\n    - name: x\n      uses: actions/checkout@de0fac2\n"],
    ["a workflow that says nothing of rights", "jobs:\n  run:\n    permissions: {}\n"],
  ])("%s", (_what, yaml) => expect(workflowFaults(yaml)).toHaveLength(1));

  test("a package without a digest, or from elsewhere; those of this repository are not meant", () => {
    const integrity = "sha512-x";
    const packages = {
      "": {},
      "packages/core": {},
      "node_modules/@strongroom/core": { resolved: "packages/core", link: true },
      "node_modules/sound": { resolved: "https://registry/sound.tgz", integrity },
      "node_modules/sound/node_modules/bundled": { inBundle: true },
      "node_modules/placeless": { integrity },
      "node_modules/elsewhere": { os: ["darwin"], cpu: ["arm64"] },
      "node_modules/musl": { os: ["linux"], cpu: ["x64"], libc: ["musl"] },
      "node_modules/ours": { os: ["linux"], cpu: ["arm64"], libc: ["glibc"] },
      "node_modules/bare": { resolved: "https://registry/bare.tgz" },
      "packages/core/node_modules/weak": { resolved: "https://registry/weak.tgz", integrity: "sha1-x" },
      "node_modules/git": { resolved: "git+ssh://git@example/git.git", integrity },
    };
    expect(lockFaults({ packages })).toEqual([
      "node_modules/ours could be anything",
      "node_modules/bare could be anything",
      "packages/core/node_modules/weak could be anything",
      "node_modules/git could be anything",
    ]);
  });

  test("a dependency of any version, and an install past the lock", () => {
    const dependencies = { one: "1.2.3", beta: "1.2.3-beta.1", "@strongroom/core": "*" };
    expect(
      manifestFaults({ dependencies, devDependencies: { two: "^1.2.3", three: "latest" } }),
    ).toHaveLength(2);
    expect(installFaults("npm ci\nnpm i left-pad\nnpx --yes cowsay\nnpm install\nnpm run test")).toHaveLength(
      3,
    );
  });
});

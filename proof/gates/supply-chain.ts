/** What a workflow of GitHub lets in: actions that are not named by their commit, and a token that nobody asked for. */
export function workflowFaults(yaml: string): string[] {
  const actions = [...yaml.matchAll(/^\s*(?:-\s+)?uses:\s*(\S+)/gm)].map(([, action]) => action!);
  return [
    ...actions
      .filter((action) => !action.startsWith("./") && !/@[0-9a-f]{40}$/.test(action))
      .map((action) => `${action} is not pinned by its commit`),
    ...(/^permissions: \{\}$/m.test(yaml) ? [] : ["the workflow gives every job a token of its own"]),
  ];
}

type Package = {
  resolved?: string;
  integrity?: string;
  link?: boolean;
  inBundle?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
};

/**
 * Packages of a lock that could come as anything. One that names no place comes from the registry; one in a bundle with what
 * bundles it. npm writes no digest of what it never fetched: programs for machines on which Strongroom does not run.
 */
export function lockFaults({ packages }: { packages: Record<string, Package> }): string[] {
  return Object.entries(packages)
    .filter(([path, { link, inBundle }]) => path.includes("node_modules/") && !link && !inBundle)
    .filter(([, one]) => isForOurs(one))
    .filter(
      ([, { resolved = "https://", integrity = "" }]) =>
        !resolved.startsWith("https://") || !integrity.startsWith("sha512-"),
    )
    .map(([path]) => `${path} could be anything`);
}

/** Linux with glibc, on the two processors that Strongroom is made for. */
function isForOurs({ os = ["linux"], cpu = ["x64"], libc = ["glibc"] }: Package): boolean {
  return os.includes("linux") && libc.includes("glibc") && ["x64", "arm64"].some((one) => cpu.includes(one));
}

type Manifest = Partial<
  Record<"dependencies" | "devDependencies" | "optionalDependencies", Record<string, string>>
>;

/** Dependencies of a manifest that are not one version; those of this repository are whatever lies beside it. */
export function manifestFaults({ dependencies, devDependencies, optionalDependencies }: Manifest): string[] {
  return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    .filter(
      ([name, version]) => !name.startsWith("@strongroom/") && !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    )
    .map(([name, version]) => `${name} may be any of ${version}`);
}

/** Installs of a script that do not hold themselves to the lock. */
export function installFaults(script: string): string[] {
  return script
    .split("\n")
    .filter((line) => /\bnpm (install|i|add|update)\b|\bnpx (-y|--yes)\b/.test(line))
    .map((line) => `not from the lock: ${line.trim()}`);
}

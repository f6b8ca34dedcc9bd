import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadBundles, measureBundles } from "./bundles.ts";
import { type LoopbackAws, startLoopbackAws } from "./loopback-aws.ts";

/**
 * `sst build`, `sst deploy` and `sst remove` of the stage `ci`, which has everything that production has, against a stand-in
 * for AWS on this machine: empty home, dummy keys, no network. Exits 0 only if every stack was made and removed again.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const region = "us-east-1";
const site = {
  domain: { name: "docs.example.com", zoneId: "Z0000000000EXAMPLE" },
  repository: "example/strongroom",
  alarmEmail: "operators@example.com",
  region,
};

const artifacts = join(root, ".sst/artifacts");
const scratch = mkdtempSync(join(tmpdir(), "strongroom-rehearsal-"));
const attempts = join(scratch, "attempts");
writeFileSync(attempts, "");
mkdirSync(join(scratch, "home"));

/** Nothing of the caller's environment but the way to its programs. */
const environment = (aws: LoopbackAws): Record<string, string> => ({
  PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
  HOME: join(scratch, "home"),
  TMPDIR: scratch,
  CI: "1",
  NO_COLOR: "1",
  AWS_ENDPOINT_URL: aws.url,
  AWS_ACCESS_KEY_ID: "AKIAREHEARSAL",
  AWS_SECRET_ACCESS_KEY: "rehearsal",
  AWS_REGION: region,
  AWS_EC2_METADATA_DISABLED: "true",
  SST_TELEMETRY_DISABLED: "1",
  SST_BUILD_CONCURRENCY: "3",
  npm_config_update_notifier: "false",
  npm_config_offline: "true",
  NODE_OPTIONS: `--import=${new URL("no-network.ts", import.meta.url).href}`,
  STRONGROOM_REHEARSAL_ATTEMPTS: attempts,
  STRONGROOM_SITE: JSON.stringify(site),
});

/** Runs one command of SST to its end; answers the seconds it took. Throws, with all it said, when it fails. */
async function sst(command: string, aws: LoopbackAws): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(
    process.execPath,
    [join(root, "node_modules/sst/cli/sst.js"), command, "--stage", "ci"],
    {
      cwd: root,
      env: environment(aws),
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const status = await new Promise((ended) => child.on("close", ended));
  if (status !== 0) throw new Error(`sst ${command} ended with ${String(status)}:\n${said}`);
  const seconds = (performance.now() - startedMs) / 1_000;
  console.log(`sst ${command} --stage ci`.padEnd(28), `${seconds.toFixed(1)} s`);
  return seconds;
}

function report(aws: LoopbackAws): void {
  console.log(
    `\n${"stack".padEnd(34)}${"resources".padStart(9)}${"imports".padStart(9)}${"exports".padStart(9)}${"seconds".padStart(9)}`,
  );
  for (const { name, resources, imports, exports, createdAt, deployedAt } of aws.cloudFormation.stacks) {
    const cells = [resources, imports.length, exports.length, ((deployedAt - createdAt) / 1_000).toFixed(1)];
    console.log(name.padEnd(34) + cells.map((cell) => String(cell).padStart(9)).join(""));
  }
}

/** Everything that must hold; empty when it does. */
function faultsOf(aws: LoopbackAws, assembled: string[]): string[] {
  const { stacks, faults } = aws.cloudFormation;
  const names = stacks.map(({ name }) => name).sort();
  const bundles = measureBundles(artifacts);
  const largest = bundles.toSorted((one, other) => other.sizeBytes - one.sizeBytes)[0];
  console.log(
    `\n${bundles.length} bundles, the largest ${largest?.file} with ${((largest?.sizeBytes ?? 0) / 1024).toFixed(0)} KiB`,
  );
  return [
    ...faults,
    ...loadBundles(artifacts, environment(aws)),
    ...(names.join() === assembled.toSorted().join()
      ? []
      : [`made ${names.join(", ")}; assembled ${assembled.join(", ")}`]),
    ...stacks.filter(({ deletedAt }) => deletedAt === null).map(({ name }) => `${name} was not removed`),
    ...(bundles.length === 0
      ? ["no function was bundled"]
      : bundles.flatMap(({ file, faults: wrong }) => wrong.map((what) => `${file}: ${what}`))),
    ...readFileSync(attempts, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((host) => `tried to reach ${host}`),
  ];
}

/** Names of the stacks that `sst build` wrote down. */
function assembledStacks(): string[] {
  const manifest = JSON.parse(readFileSync(join(root, ".sst/dist/manifest.json"), "utf8")) as {
    artifacts: Record<string, { type: string }>;
  };
  return Object.entries(manifest.artifacts).flatMap(([name, { type }]) =>
    type === "aws:cloudformation:stack" ? [name] : [],
  );
}

for (const folder of ["artifacts", "dist"])
  rmSync(join(root, ".sst", folder), { recursive: true, force: true });
const aws = await startLoopbackAws(region);
try {
  await sst("build", aws);
  const assembled = assembledStacks();
  await sst("deploy", aws);
  await sst("remove", aws);
  report(aws);
  const faults = faultsOf(aws, assembled);
  for (const fault of faults) console.error(`✗ ${fault}`);
  if (faults.length === 0) console.log(`${assembled.length} stacks deployed and removed. Everything held.`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await aws.close();
  rmSync(scratch, { recursive: true });
}

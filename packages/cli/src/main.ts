#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  const found = `strongroom needs Node.js 22.18 or later, and this is ${process.versions.node}.`;
  process.stderr.write(`${found} Get it from https://nodejs.org, or run: nvm install 22\n`);
  process.exit(2);
}

// `npm run` goes to the root of this repository first; the paths that a person types count from where the person is.
if (process.env["npm_lifecycle_event"] === "strongroom" && process.env["INIT_CWD"])
  process.chdir(process.env["INIT_CWD"]);

// Only now: an older Node could not even read the rest.
const { homedir } = await import("node:os");
const { runProgram } = await import("./program.ts");
const { Interrupted } = await import("./problems.ts");

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(130); // asked twice
    stopping.abort(new Interrupted());
  });
}
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0); // `strongroom status | head`
  throw error;
});

process.exitCode = await runProgram(process.argv.slice(2), {
  environment: process.env,
  home: homedir(),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  signal: stopping.signal,
});

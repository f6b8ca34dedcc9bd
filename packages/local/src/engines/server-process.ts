import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A server that is our direct child. */
export type ServerProcess = {
  pid: number;
  exited: Promise<void>;
  /** Kills it with SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** Ends it in good order, or with SIGKILL after ten seconds. */
  stop(): Promise<void>;
};

type Options = {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** Working directory; the log lies in it. */
  directory: string;
  /** The port of 127.0.0.1 whose first answer says that the server is there. */
  port: number;
};

/** A Java server needs three seconds here; a loaded machine gets time. */
const startLimitMs = 90_000;

/** Starts a server and waits until its port answers; it dies with this process, whatever ends that one. */
export async function startServerProcess(options: Options): Promise<ServerProcess> {
  const log = join(options.directory, "server.log");
  const child = await launch(options, log);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const forget = killAtOurEnd(child);
  const ended = exited.then(forget);
  try {
    await untilAnswering(child, options.port, log);
  } catch (error) {
    child.kill("SIGKILL");
    await ended;
    throw error;
  }
  return {
    pid: child.pid!,
    exited: ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      child.kill("SIGTERM");
      const impatience = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(impatience);
    },
  };
}

async function launch({ command, args, env, directory }: Options, logPath: string): Promise<ChildProcess> {
  // oxlint-disable-next-line node/no-process-env, eslint/no-restricted-properties -- PATH and HOME are the machine's
  const all = { ...process.env, ...env };
  const log = await open(logPath, "a", 0o600);
  try {
    const child = spawn(command, args, { cwd: directory, env: all, stdio: ["ignore", log.fd, log.fd] });
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    return child;
  } finally {
    await log.close();
  }
}

function killAtOurEnd(child: ChildProcess): () => void {
  const kill = () => void child.kill("SIGKILL");
  const quit = () => process.exit(1);
  process.once("exit", kill).once("SIGTERM", quit).once("SIGHUP", quit);
  return () => void process.off("exit", kill).off("SIGTERM", quit).off("SIGHUP", quit);
}

async function untilAnswering(child: ChildProcess, port: number, log: string): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  while (!(await answers(port))) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (ended || performance.now() > deadline) {
      const tail = (await readFile(log, "utf8")).trimEnd().split("\n").slice(-15).join("\n");
      throw new Error(
        `${child.spawnfile} ${ended ? "ended" : `did not answer within ${startLimitMs} ms`}:\n${tail}`,
      );
    }
    await sleep(50);
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const tell = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", () => tell(true)).once("error", () => tell(false));
  });

/** Removes a data directory; a server that was just killed may still be writing into it. */
export const removeDirectory = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 5 });

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const entry = join(import.meta.dirname, "main.ts");

/** NODE_OPTIONS of a process that finds itself on a machine for which there is no PostgreSQL of ours. */
export const onOtherMachine = `--import=data:text/javascript,${encodeURIComponent('Object.defineProperty(process, "arch", { value: "none" })')}`;

/** `npm start` as a process. */
export type MainProcess = {
  child: ChildProcess;
  /** What it greets with; rejects with what it said instead when it ends before. */
  greeting: Promise<{ text: string; url: string; tokenOf(name: string): string }>;
  /** How it ended, and all that it said by then. */
  ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
};

/** `ownSession`: apart from ours, so that a kernel which weighs sessions gives each its share; whoever starts it so has to end it. */
type Options = { environment: Record<string, string>; args?: string[]; uid?: number; ownSession?: boolean };

/** Starts it with this environment and nothing else of ours. */
export function startMain({ environment, args = [], uid, ownSession = false }: Options): MainProcess {
  const identity = uid === undefined ? {} : { uid, gid: uid };
  const env = { PATH: "/usr/bin:/bin", ...environment };
  const child = spawn(process.execPath, [entry, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: ownSession,
    ...identity,
  });
  const said = { stdout: "", stderr: "" };
  const greeted = Promise.withResolvers<void>();
  child.stderr.on("data", (piece: Buffer) => void (said.stderr += piece.toString()));
  child.stdout.on("data", (piece: Buffer) => {
    said.stdout += piece.toString();
    if (said.stdout.includes("Ctrl-C stops it.")) greeted.resolve();
  });
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    ...said,
  }));
  const gone = ended.then(({ stderr }) => Promise.reject(new Error(`it ended before it greeted: ${stderr}`)));
  const greeting = Promise.race([greeted.promise, gone]).then(() => readGreeting(said.stdout));
  greeting.catch(() => {}); // a test that wants the end does not ask for the greeting
  return { child, greeting, ended };
}

function readGreeting(said: string) {
  const url = /API\s+(\S+)/.exec(said)![1]!;
  return {
    text: said,
    url,
    tokenOf: (name: string) => new RegExp(`${name} .*\\n\\s+(\\S+)`).exec(said)![1]!,
  };
}

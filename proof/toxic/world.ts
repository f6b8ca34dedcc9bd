import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@strongroom/cli/client";
import { defaultPatience } from "@strongroom/cli/patience";
import { seededPeople } from "@strongroom/local/seed";
import { startMain } from "@strongroom/local/test-main";
import { processesOf, untilNone } from "@strongroom/local/test-processes";

/** A Strongroom of its own, as `npm start` runs it: every part is a process, and none of them is this one. */
export type World = {
  url: string;
  /** Where files lie before they are sent. */
  directory: string;
  /** Everybody in turn, so that nobody spends the requests of a minute. */
  nextClient(): Client;
  /** Process numbers of `npm start` and of the processor. */
  pids: { main: number; processor: number };
  /** Numbers that are no longer those of living processes of this system. */
  findDead(): Promise<string[]>;
  /** Highest resident memory of the processor so far, its children not counted. */
  peakBytes(): number;
  /** How often a decode child died, by document. */
  countCrashes(): Promise<Map<string, number>>;
  stop(): Promise<void>;
};

const pollMs = 100;
/** Asks every tenth of a second, and does not give up when it is told to wait. */
const patience = {
  ...defaultPatience,
  tries: 30,
  sleep: (delayMs: number, signal?: AbortSignal) => defaultPatience.sleep(Math.min(delayMs, pollMs), signal),
};

/** Starts one; `preload` is a module that every process of it loads first. */
export async function startWorld(preload?: string): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-toxic-"));
  const data = join(directory, "data");
  const databaseUrl = process.env.DATABASE_URL;
  const main = startMain({
    ownSession: true, // the harness stands back, and it shall not take the system along
    environment: {
      STRONGROOM_DATA: data,
      STRONGROOM_PORT: "0",
      ...(databaseUrl && { DATABASE_URL: databaseUrl }),
      ...(preload && { NODE_OPTIONS: `--import=${preload}` }),
    },
  });
  const end = () => void main.child.kill("SIGTERM");
  process.once("exit", end);
  const greeting = await main.greeting;
  const { url } = greeting;
  const clients = seededPeople.map(({ name }) =>
    createClient({ url, token: greeting.tokenOf(name), patience }),
  );
  const pids = { main: main.child.pid!, processor: await findProcessor(data) };
  let turn = 0;
  return {
    url,
    directory,
    pids,
    nextClient: () => clients[turn++ % clients.length]!,
    findDead: async () => {
      const alive = new Set((await processesOf(data)).map(({ pid }) => pid));
      return Object.entries(pids).flatMap(([part, pid]) =>
        alive.has(pid) ? [] : [`the ${part} process died`],
      );
    },
    peakBytes: () => peakOf(pids.processor),
    countCrashes: async () => crashesIn(await readFile(join(data, "workers.log"), "utf8")),
    stop: async () => {
      process.removeListener("exit", end);
      end();
      await main.ended;
      await untilNone(data);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function findProcessor(data: string): Promise<number> {
  const found = (await processesOf(data)).find(
    ({ kind, command }) => kind === "worker" && command.endsWith(" processor"),
  );
  if (!found) throw new Error("no processor runs");
  return found.pid;
}

/** The kernel's own high-water mark; 0 once the process is gone. */
function peakOf(pid: number): number {
  const path = `/proc/${pid}/status`;
  const kilobytes = existsSync(path) ? /VmHWM:\s+(\d+)/.exec(readFileSync(path, "utf8"))?.[1] : undefined;
  return Number(kilobytes ?? 0) * 1_024;
}

function crashesIn(log: string): Map<string, number> {
  const crashes = new Map<string, number>();
  for (const [, id] of log.matchAll(/"event":"document\.decode_crashed".*?"documentId":"([^"]+)"/g))
    crashes.set(id!, (crashes.get(id!) ?? 0) + 1);
  return crashes;
}

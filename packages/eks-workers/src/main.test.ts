import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { findPort } from "@strongroom/local/port";
import { query } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { formatConnection } from "@strongroom/core/config";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  await world.close();
});

const entry = fileURLToPath(new URL("main.ts", import.meta.url));
const children: ChildProcess[] = [];

function environment(): Record<string, string> {
  const { config } = world;
  const { app, system, embedded } = config.backend.connections;
  return {
    STRONGROOM_PUBLIC_URL: config.publicUrl,
    STRONGROOM_DATA: config.backend.dataDirectory,
    STRONGROOM_DATABASE_URL_APP: formatConnection(app),
    STRONGROOM_DATABASE_URL_SYSTEM: formatConnection(system),
    STRONGROOM_DATABASE_URL_EMBEDDED: formatConnection(embedded),
    STRONGROOM_ISSUER: config.auth.issuer,
    STRONGROOM_AUDIENCE: config.auth.audience,
    STRONGROOM_UPLOAD_KEY: Buffer.from(config.secrets.uploadKey).toString("hex"),
    STRONGROOM_TICKET_KEY: Buffer.from(config.secrets.ticketKey).toString("hex"),
    STRONGROOM_JOBS: "1",
  };
}

/** A worker process as its parent starts it; resolves when it is ready, or has ended. */
async function start(kind: string, env = environment()) {
  const child = spawn(process.execPath, [entry, kind], { env, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  children.push(child);
  const words = text(child.stderr!).catch(() => "");
  const ended = once(child, "exit").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  await Promise.race([once(child, "message"), ended]);
  return { child, ended, words };
}

const reported = (pid: number) =>
  query<{ kind: string; isolation: object | null }>(
    world,
    "select kind, isolation from worker where name like $1",
    [`%-${pid}`],
  );
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("a worker process", () => {
  it.each(["processor", "relay", "notifier", "opener"])(
    "says that it lives, and ends with 0 and without a trace at SIGTERM: %s",
    async (kind) => {
      const { child, ended, words } = await start(kind);
      await expect.poll(() => reported(child.pid!), { timeout: 10_000 }).toMatchObject([{ kind }]);
      const [row] = await reported(child.pid!);
      expect(row!.isolation === null).toBe(kind !== "processor");
      child.kill("SIGTERM");
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(await reported(child.pid!)).toEqual([]);
      const lines = (await words)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { event: string; process: string });
      expect(lines.map(({ event }) => event)).toEqual(
        expect.arrayContaining(["worker.started", "worker.stopped"]),
      );
      expect(new Set(lines.map((line) => line.process))).toEqual(new Set([kind]));
    },
  );

  it.each([
    [
      "processor",
      [
        "strongroom_oldest_waiting_seconds 0",
        "strongroom_worker_in_hand 0",
        "strongroom_worker_needs_away 0",
      ],
    ],
    ["relay", ["strongroom_oldest_unpublished_seconds 0"]],
    ["notifier", ['strongroom_notifier_lag_records{topic="documents"} 0']],
    ["opener", ["strongroom_fixity_oldest_seconds 0"]],
  ])("answers probes when it is given a port: %s", async (kind, told) => {
    const port = await findPort(0);
    const { child, ended } = await start(kind, { ...environment(), STRONGROOM_PROBE_PORT: String(port) });
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    await expect.poll(async () => (await ask("/health")).status).toBe(200);
    await expect.poll(async () => (await ask("/ready")).status).toBe(200);
    await expect
      .poll(async () => (await (await ask("/metrics")).text()).split("\n"), { timeout: 10_000 })
      .toEqual(expect.arrayContaining([...told, 'strongroom_worker_beats_total{taken="true"} 1']));
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 0, signal: null });
    await expect(ask("/health")).rejects.toThrow();
  });

  it("migrator brings the database up to date, reads that back, and ends with 0; run again it finds nothing to do", async () => {
    const owner = { STRONGROOM_DATABASE_URL_OWNER: formatConnection(world.database.superuser) };
    for (const run of ["first", "second"]) {
      const { ended, words } = await start("migrator", { ...environment(), ...owner });
      expect(await ended, run).toEqual({ code: 0, signal: null });
      const lines = (await words)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines).toMatchObject([
        { event: "migrator.done", applied: "", database: world.database.superuser.database },
      ]);
    }
  });

  it.each([
    [{}, "STRONGROOM_DATABASE_URL_OWNER"],
    [{ STRONGROOM_DATABASE_AUTH: "iam" }, "STRONGROOM_DATABASE_OWNER_SECRET_ARN"],
  ])("migrator without its configuration names what is missing and ends with 1: %j", async (env, missing) => {
    const { ended, words } = await start("migrator", { ...environment(), ...env });
    expect(await ended).toEqual({ code: 1, signal: null });
    expect(await words).toContain(missing);
  });

  it("goes in good order when the channel to its parent closes", async () => {
    const { child, ended } = await start("relay");
    child.disconnect();
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await reported(child.pid!)).toEqual([]);
  });

  it("goes in good order when its parent is killed, and with it whoever reads what it says", async () => {
    const parent = spawn(
      process.execPath,
      [
        "--eval",
        `const child = require("node:child_process").spawn(process.execPath, [${JSON.stringify(entry)}, "relay"], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
         child.once("message", () => process.stdout.write(child.pid + "\\n"));`,
      ],
      { env: environment(), stdio: ["ignore", "pipe", "inherit"] },
    );
    children.push(parent);
    const [pid] = (await once(parent.stdout!, "data")).map((line) => Number(String(line)));
    await expect.poll(() => reported(pid!), { timeout: 10_000 }).toHaveLength(1);
    parent.kill("SIGKILL");
    await expect.poll(() => isAlive(pid!), { timeout: 10_000 }).toBe(false);
    expect(await reported(pid!)).toEqual([]);
  });

  it("does its work to the end although nobody reads its log any more", async () => {
    const { child, ended } = await start("relay");
    child.stderr!.destroy();
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it.each(["", "constructor"])("that nobody knows ends with 2 and says which there are: %j", async (kind) => {
    const { ended, words } = await start(kind);
    expect(await ended).toEqual({ code: 2, signal: null });
    expect(await words).toBe("Which worker? One of: processor, relay, notifier, opener, migrator.\n");
  });

  it("without its configuration names what is missing and ends with 1", async () => {
    const { STRONGROOM_DATA: _data, ...env } = environment();
    const { ended, words } = await start("relay", env);
    expect(await ended).toEqual({ code: 1, signal: null });
    const { event, level, error, where } = JSON.parse(await words) as Record<string, unknown>;
    expect(where).toMatch(/^at readConfig .*config\.ts:\d+/);
    expect({ event, level }).toEqual({ event: "worker.died", level: "error" });
    expect(JSON.stringify(error)).toContain("STRONGROOM_DATA");
  });
  it("that starts where the disk of its data went away ends with 1 and says so, and makes neither keys nor areas there", async () => {
    const away = await mkdtemp(join(tmpdir(), "strongroom-away-"));
    try {
      const { ended, words } = await start("relay", { ...environment(), STRONGROOM_DATA: away });
      expect(await readdir(away, { recursive: true })).toEqual([]);
      expect(await ended).toEqual({ code: 1, signal: null });
      expect(await words).toContain(`${join(away, "keys")} is missing, which the start of the whole makes`);
    } finally {
      await rm(away, { recursive: true });
    }
  });
});

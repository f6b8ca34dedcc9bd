import { chmod, lstat, mkdir, mkdtemp, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@strongroom/core/clock";
import { withClient } from "@strongroom/core/database/roles";
import { type Log, silentLog } from "@strongroom/core/log";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DatabaseServer, keepRunning, openDatabaseServer } from "./database-server.ts";
import { processesOf } from "./test-processes.ts";

let home: string;
let outside: string;
const running = new Set<DatabaseServer>();
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-home-"));
  outside = await mkdtemp(join(tmpdir(), "strongroom-outside-"));
  await chmod(home, 0o711);
});
afterEach(async () => {
  for (const server of running) await server.stop();
  running.clear();
  for (const directory of [home, outside]) await rm(directory, { recursive: true });
});

const data = () => join(home, "data");
async function open(log: Log = silentLog): Promise<DatabaseServer> {
  await mkdir(data(), { recursive: true });
  await chmod(data(), 0o711);
  const server = await openDatabaseServer({ dataDirectory: data(), databaseUrl: null, log, outside });
  running.add(server);
  return server;
}
const ask = (server: DatabaseServer, sql: string): Promise<unknown[]> =>
  withClient(server.superuser, async (client) => (await client.query(sql)).rows);

describe("a PostgreSQL of our own", () => {
  test("is started anew when it dies, over and over while it cannot, and is back with all it had once it can", async () => {
    const events: string[] = [];
    const failures = Promise.withResolvers<void>();
    const note = (event: string) => {
      events.push(event);
      if (events.filter((one) => one === "postgres.not_restarted").length === 3) failures.resolve();
    };
    const server = await open({ ...silentLog, error: note });
    await ask(server, "create table kept (id int)");
    const settings = join(data(), "postgres/data/postgresql.conf");
    await rename(settings, `${settings}.away`);
    process.kill(server.pid()!, "SIGKILL");
    await failures.promise;
    expect(server.pid()).toBeNull();
    await rename(`${settings}.away`, settings);
    while (server.pid() === null) await systemClock.sleep(20);
    expect(await ask(server, "select count(*)::int as rows from kept")).toEqual([{ rows: 0 }]);
    expect(events[0]).toBe("postgres.died");
    await server.stop();
    expect(await processesOf(data())).toEqual([]);
  });

  test("says in words that the kept password is another one's, and leaves nothing running", async () => {
    await (await open()).stop();
    await writeFile(join(data(), "postgres-password"), "of another directory\n");
    await expect(open()).rejects.toMatchObject({
      code: "postgres_password_wrong",
      message: expect.stringMatching(/postgres-password .* Bring back .* from your backup/),
    });
    expect(await processesOf(data())).toEqual([]);
  });

  test("is not made anew when its disk goes away under it", async () => {
    const failed = Promise.withResolvers<unknown>();
    const error = (event: string, fields?: Record<string, unknown>) =>
      event === "postgres.not_restarted" && failed.resolve(fields?.error);
    const server = await open({ ...silentLog, error });
    await mkdir(join(data(), "objects/vault/sealed"), { recursive: true });
    await rename(join(data(), "postgres"), join(home, "unmounted"));
    process.kill(server.pid()!, "SIGKILL");
    expect(await failed.promise).toMatchObject({ code: "database_missing" });
    await expect(stat(join(data(), "postgres"))).rejects.toMatchObject({ code: "ENOENT" });
    await rename(join(home, "unmounted"), join(data(), "postgres"));
  });

  test("that comes up while it is told to stop is stopped", async () => {
    const [first, second] = [standIn(), standIn()];
    const starting = Promise.withResolvers<void>();
    const started = Promise.withResolvers<typeof second>();
    const start = () => {
      starting.resolve();
      return started.promise;
    };
    const { pid, stop } = keepRunning(first, start, silentLog);
    first.die();
    await starting.promise;
    const stopped = stop();
    started.resolve(second);
    await stopped;
    expect(second.wasStopped()).toBe(true);
    expect(pid()).toBe(second.pid);
  });
});

describe("a data directory that only root may reach, as below /root", () => {
  beforeEach(async (context) => {
    if (process.getuid?.() !== 0) context.skip("this run is not root's, so PostgreSQL runs as the same user");
    await chmod(home, 0o700);
  });

  test("has its database outside, is told so, and finds it again at every start", async () => {
    const warnings: unknown[] = [];
    const server = await open({
      ...silentLog,
      warn: (event, fields) => void warnings.push({ event, ...fields }),
    });
    const place = await readlink(join(data(), "postgres"));
    expect(warnings).toEqual([{ event: "postgres.outside", directory: place }]);
    expect(place.startsWith(`${outside}/`)).toBe(true);
    expect((await stat(join(data(), "postgres-password"))).mode & 0o777).toBe(0o600);
    await ask(server, "create table kept (id int)");
    await server.stop();
    expect(await ask(await open(), "select count(*)::int as rows from kept")).toEqual([{ rows: 0 }]);
  });

  test("keeps its database outside when it is opened later, and when it is renamed", async () => {
    const server = await open();
    await ask(server, "create table kept (id int)");
    await server.stop();
    await chmod(home, 0o711);
    await rename(data(), `${data()}-moved`);
    await rename(`${data()}-moved`, data());
    expect(await ask(await open(), "select count(*)::int as rows from kept")).toEqual([{ rows: 0 }]);
    expect((await lstat(join(data(), "postgres"))).isSymbolicLink()).toBe(true);
  });

  test("is refused when its database lay inside until it was closed: a new one would look as if all was lost", async () => {
    await chmod(home, 0o711);
    await (await open()).stop();
    await chmod(home, 0o700);
    await expect(open()).rejects.toMatchObject({
      code: "directory_unreachable",
      message: expect.stringContaining(`chmod o+x ${home}`),
    });
  });

  test("is refused when the database outside is gone", async () => {
    await (await open()).stop();
    const place = await readlink(join(data(), "postgres"));
    await rm(place, { recursive: true });
    await expect(open()).rejects.toMatchObject({
      code: "database_lost",
      message: expect.stringContaining(place),
    });
  });

  test("is refused when there is no place outside", async () => {
    const file = join(outside, "file");
    await writeFile(file, "");
    const opening = openDatabaseServer({
      dataDirectory: data(),
      databaseUrl: null,
      log: silentLog,
      outside: join(file, "place"),
    });
    await expect(opening).rejects.toMatchObject({ code: "directory_unreachable" });
  });
});

/** A server that dies and stops at a word. */
function standIn() {
  const exited = Promise.withResolvers<void>();
  let stopped = false;
  return {
    pid: 1,
    exited: exited.promise,
    die: exited.resolve,
    wasStopped: () => stopped,
    stop: async () => {
      stopped = true;
      exited.resolve();
    },
  };
}

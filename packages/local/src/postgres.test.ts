import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runningAsRoot, unprivilegedId } from "./postgres-binaries.ts";
import { asPostgres } from "./postgres-directory.ts";
import { startPostgres } from "./postgres.ts";
import type { RunningPostgres } from "./postgres.ts";

let parent: string;
let running: RunningPostgres[] = [];
const dataDirectory = () => join(parent, "postgres");

async function freshParent(): Promise<void> {
  parent = await mkdtemp(join(tmpdir(), "strongroom-launcher-"));
  await chmod(parent, 0o711);
}
const removeParent = () => rm(parent, { recursive: true });
afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  running = [];
});

async function start(options: { port?: number } = {}): Promise<RunningPostgres> {
  const server = await startPostgres({
    dataDirectory: dataDirectory(),
    durable: false,
    log: silentLog,
    ...options,
  });
  running.push(server);
  return server;
}

function ask<Row extends object>(
  { host, port, superuser }: RunningPostgres,
  sql: string,
  database = "postgres",
): Promise<Row[]> {
  return withClient(
    { host, port, database, ...superuser },
    async (client) => (await client.query<Row & object>(sql)).rows,
  );
}

async function kill(server: RunningPostgres): Promise<void> {
  process.kill(server.pid, "SIGKILL");
  await server.exited;
}

describe("a database server of our own", () => {
  beforeAll(freshParent);
  afterAll(removeParent);

  test("keeps what was committed when it is killed and when it is stopped, and can be started again", async () => {
    const first = await start();
    await ask(first, "create table load (number int); insert into load values (1)");
    await kill(first);
    const second = await start({ port: first.port });
    expect(second.port).toBe(first.port);
    await ask(second, "insert into load values (2)");
    await second.stop();
    const third = await start({ port: first.port });
    expect(await ask(third, "select number from load order by number")).toEqual([
      { number: 1 },
      { number: 2 },
    ]);
  });

  test("is open to password holders on the loopback interface alone", async () => {
    const server = await start();
    const settings = await ask(
      server,
      "select name, setting from pg_settings where name in ('listen_addresses', 'unix_socket_directories', 'data_checksums', 'jit', 'autovacuum_naptime')",
    );
    expect(Object.fromEntries(settings.map((row) => Object.values(row)))).toEqual({
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      data_checksums: "on",
      jit: "off",
      autovacuum_naptime: "10",
    });
    const methods = await ask<{ auth_method: string }>(
      server,
      "select distinct auth_method from pg_hba_file_rules",
    );
    expect(methods).toEqual([{ auth_method: "scram-sha-256" }]);
    const wrong = { ...server, superuser: { user: "postgres", password: "postgres" } };
    await expect(ask(wrong, "select 1")).rejects.toThrow("password");
    const kept = join(parent, "postgres-password");
    expect((await readFile(kept, "utf8")).trim()).toBe(server.superuser.password);
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    expect((await readdir(parent)).toSorted()).toEqual(["postgres", "postgres-password", "postgres.log"]);
  });

  test("writes to disk before it answers, unless a test says otherwise", async () => {
    const server = await startPostgres({ dataDirectory: dataDirectory(), log: silentLog });
    running.push(server);
    const rows = await ask(
      server,
      "select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')",
    );
    expect(rows.map((row) => Object.values(row)[1])).toEqual(["on", "on", "on"]);
  });

  test("never runs as root", async ({ skip }) => {
    if (!runningAsRoot()) skip("this run is not root's");
    const server = await start();
    const status = await readFile(`/proc/${server.pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:\\s+${unprivilegedId}\\s+${unprivilegedId}`, "m"));
    expect((await stat(dataDirectory())).uid).toBe(unprivilegedId);
  });

  test("refuses a second starter on its data directory, and two at once do not both start", async () => {
    const starts = await Promise.allSettled([start(), start()]);
    expect(starts.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const refused = starts.find((one) => one.status === "rejected");
    expect(refused?.reason).toMatchObject({ name: "Refusal", code: "data_directory_in_use" });
    await expect(start()).rejects.toMatchObject({ code: "data_directory_in_use" });
  });

  test("is stopped when it was left over by a killed parent, and its data serve the next", async () => {
    const program = `
      const { startPostgres } = await import(${JSON.stringify(new URL("postgres.ts", import.meta.url).href)});
      const { silentLog } = await import("@strongroom/core/log");
      const server = await startPostgres({ dataDirectory: process.argv[1], durable: false, log: silentLog });
      console.log(server.pid);`;
    const parentProcess = spawn(
      process.execPath,
      ["--input-type=module", "--eval", program, dataDirectory()],
      {
        cwd: import.meta.dirname,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const [line] = (await once(parentProcess.stdout, "data")) as [Buffer];
    parentProcess.kill("SIGKILL");
    await once(parentProcess, "exit");
    const leftover = Number(line.toString());
    expect(process.kill(leftover, 0)).toBe(true);
    const server = await start();
    expect(server.pid).not.toBe(leftover);
    expect(await readFile(join(parent, "postgres.log"), "utf8")).toMatch(
      new RegExp(`\\[${leftover}\\] LOG: {2}received fast shutdown request`),
    );
    expect(await ask(server, "select 1 as one")).toEqual([{ one: 1 }]);
    expect(await readFile(`/proc/${leftover}/stat`, "utf8").catch(() => "gone")).toMatch(/^gone$|\) Z /); // Z: ended, not yet reaped
  });

  test("starts although its pid file names a process that has nothing to do with it", async () => {
    await (await start()).stop();
    const stranger = spawn("sleep", ["600"], asPostgres("/"));
    await once(stranger, "spawn");
    await writeFile(join(dataDirectory(), "postmaster.pid"), `${stranger.pid}\n${dataDirectory()}\n`);
    expect(await ask(await start(), "select 1 as one")).toEqual([{ one: 1 }]);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    stranger.kill();
  });
});

describe("a start is refused in plain words", () => {
  beforeEach(freshParent);
  afterEach(removeParent);

  test("when the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({
      code: "port_in_use",
      message: expect.stringContaining(`${port}`),
    });
    other.close();
  });

  test("when the directory holds something else", async () => {
    await mkdir(dataDirectory());
    await writeFile(join(dataDirectory(), "photo.jpg"), "");
    await expect(start()).rejects.toMatchObject({ code: "data_directory_not_empty" });
    expect(await readdir(dataDirectory())).toEqual(["photo.jpg"]);
  });

  test("when the password of an existing database is missing", async () => {
    await mkdir(dataDirectory());
    await writeFile(join(dataDirectory(), "PG_VERSION"), "17\n");
    await expect(start()).rejects.toMatchObject({ code: "postgres_password_missing" });
  });

  test("when the user of PostgreSQL cannot reach the directory", async ({ skip }) => {
    if (!runningAsRoot()) skip("this run is not root's, so PostgreSQL runs as the same user");
    await chmod(parent, 0o700);
    const refusal = {
      code: "directory_unreachable",
      message: expect.stringContaining(`chmod o+x ${parent}`),
    };
    await expect(start()).rejects.toMatchObject(refusal);
  });
});

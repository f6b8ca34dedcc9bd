import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { chainAudit } from "@strongroom/core/audit/chain-audit";
import { checkpointAudit } from "@strongroom/core/audit/checkpoint-audit";
import { withClient } from "@strongroom/core/database/roles";
import { connectEmbedded, type EmbeddedPorts } from "@strongroom/core/embedded/connect";
import { silentLog } from "@strongroom/core/log";
import { receiptKeys } from "@strongroom/core/receipt/receipt-keys";
import { verifyCertificate } from "@strongroom/core/retention/certificate";
import { eraseDocument } from "@strongroom/core/retention/erase-document";
import { holdDocument } from "@strongroom/core/retention/hold-document";
import { replayTombstones } from "@strongroom/core/retention/replay-tombstones";
import { dumpTables, restoreTables, type TableDump } from "@strongroom/local/test-backup";
import { type TestDatabase, testDatabase } from "@strongroom/local/test-database";
import { query } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { proofSize } from "../promises/proof-size.ts";
import { encodingsOf, formsIn } from "../canary/encodings.ts";
import { findTampering, type Locked } from "../audit/read-evidence.ts";
import { newCanary, plantDocument, type Stage } from "./erasure-world.ts";
import { findInDatabaseFiles, findInFiles, findInTables } from "./find-canary.ts";
import { openVault } from "./open-vault.ts";

const size = { ci: { erased: 16, held: 8 }, nightly: { erased: 100, held: 50 } }[proofSize()];
/** What the erased documents hold, and what the held ones do: the search must go on finding the latter. */
const [gone, kept] = [newCanary(), newCanary()];
const tenth = ["announced", "uploaded"] as const;

let world: TestWorld;
let erased: string[];
let held: string[];
/** Of the moment before anything was erased: tables, staging and vault, checkpoints. */
let backup: { tables: TableDump; directory: string; checkpoints: string[] };
const before: Record<string, string[]> = {};

beforeAll(async () => {
  world = await testWorld();
  erased = await plant(gone, size.erased, (n) => tenth[n % 10] ?? "stored");
  held = await plant(kept, size.held, () => "stored");
  for (const documentId of held)
    await holdDocument(world.ports, world.arne, {
      documentId,
      ifMatch: null,
      hold: { held: true, reason: "claim" },
    });
  await chain(world.ports);
  await withClient(world.database.superuser, (client) => client.query("analyze")); // as PostgreSQL does by itself
  before["tables"] = await findInTables(world.database.superuser, gone);
  before["files"] = await findInFiles(world.directory, gone);
  backup = await takeBackup();
}, 300_000);
afterAll(async () => {
  await rm(backup.directory, { recursive: true, force: true });
  await world.close();
});

async function plant(canary: string, count: number, stageOf: (n: number) => Stage): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await plantDocument(world, canary, stageOf(n)));
  return ids;
}

async function chain(ports: EmbeddedPorts): Promise<void> {
  while ((await chainAudit(ports)) > 0);
  await checkpointAudit(ports);
}

async function takeBackup(): Promise<typeof backup> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-backup-"));
  await cp(world.directory, directory, { recursive: true });
  const { checkpoints } = await readLocked(world.ports);
  return { tables: await dumpTables(world.database.superuser), directory, checkpoints };
}

async function readLocked(ports: EmbeddedPorts): Promise<Locked> {
  const checkpoints: string[] = [];
  for await (const { key } of ports.objects.list("v/checkpoints/"))
    checkpoints.push(await text(await ports.objects.read(key)));
  return { checkpoints, jwks: await receiptKeys(ports) };
}

const readableOf = async (database: Pick<TestDatabase, "superuser">, directory: string, ids: string[]) => {
  const readable = await openVault(database.superuser, directory);
  return ids.filter((id) => readable.has(id));
};

describe(`${size.held} documents under a hold`, () => {
  it("are refused, every one, and stay readable", async () => {
    const outcomes = await Promise.allSettled(held.map((id) => eraseDocument(world.ports, world.arne, id)));
    const refused = outcomes.filter((one) => one.status === "rejected" && one.reason.code === "held");
    expect(refused).toHaveLength(size.held);
    expect(await readableOf(world.database, world.directory, held)).toEqual(held);
  });
});

describe(`${size.erased} erased documents`, () => {
  it("were to be found before, in the tables, in staging, and with the keys in the vault", async () => {
    expect(before["tables"]).toEqual(
      expect.arrayContaining(
        [
          "document.note",
          "document.load_number",
          "document_file.name",
          "document_file.media_type",
          "page_text.body",
        ].map((column) => `public.${column}: raw`),
      ),
    );
    expect(before["tables"]!.some((hit) => hit.startsWith("public.receipt.jws: base64url"))).toBe(true);
    expect(before["files"]!.length).toBeGreaterThan(0);
    expect(before["files"]!.filter((hit) => !hit.startsWith("objects/staging/"))).toEqual([]);
    const stored = await readableOf(world.database, world.directory, erased);
    expect(stored.length).toBe(erased.filter((_id, n) => tenth[n % 10] === undefined).length);
  });

  it("have a certificate each, which verifies with the published keys", async () => {
    const jwks = await receiptKeys(world.ports);
    for (const id of erased) {
      const certificate = await eraseDocument(world.ports, world.arne, id);
      expect(await verifyCertificate(certificate, jwks)).toMatchObject({
        outcome: "valid",
        claims: { document: id, tenant: world.dora.tenantId },
      });
    }
  });

  it("are nowhere to be found: no column, no file of staging and vault, no page of the database, no byte to be opened", async () => {
    const { superuser } = world.database;
    expect(await findInTables(superuser, gone)).toEqual([]);
    expect(await findInFiles(world.directory, gone)).toEqual([]);
    const [ofGone, ofKept] = await findInDatabaseFiles(superuser, [gone, kept]);
    expect(ofGone).toEqual([]);
    expect(await readableOf(world.database, world.directory, erased)).toEqual([]);
    // The same search finds what is kept, so it can find.
    expect((await findInTables(superuser, kept)).length).toBeGreaterThan(4);
    expect(ofKept!.length).toBeGreaterThan(2);
    const forms = encodingsOf(gone);
    const dump = [...(await dumpTables(superuser)).values()].join("\n");
    expect(formsIn(Buffer.from(dump), forms)).toEqual([]);
  }, 120_000);

  it("leave a trail that holds", async () => {
    await chain(world.ports);
    const locked = await readLocked(world.ports);
    expect(await withClient(world.database.superuser, (client) => findTampering(client, locked))).toEqual([]);
    const rows = await query<{ n: string }>(
      world,
      "select count(*) as n from audit where action = 'document.erased'",
    );
    expect(Number(rows[0]!.n)).toBe(size.erased);
  });
});

describe("a backup from before, restored onto an empty machine", () => {
  it("brings the erased back, and the replay of tombstones takes them again, before anybody is served", async () => {
    const database = await testDatabase();
    const directory = await mkdtemp(join(tmpdir(), "strongroom-restored-"));
    try {
      await restoreTables(database.superuser, backup.tables);
      await cp(backup.directory, directory, { recursive: true });
      // Tombstones are in no backup: they lie where nobody restores over them.
      await cp(join(world.directory, "objects", "tombstones"), join(directory, "objects", "tombstones"), {
        recursive: true,
      });
      const backend = {
        ...world.config.backend,
        dataDirectory: directory,
        connections: database.connections,
      };
      const ports = await connectEmbedded({ ...world.config, backend }, silentLog);
      try {
        await checkRestored({ ports, database, directory });
      } finally {
        await ports.close();
      }
    } finally {
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    }
  }, 120_000);

  type Restored = { ports: EmbeddedPorts; database: TestDatabase; directory: string };

  async function checkRestored({ ports, database, directory }: Restored): Promise<void> {
    const { superuser } = database;
    const broughtBack = (await readableOf(database, directory, erased)).length;
    expect(broughtBack).toBeGreaterThan(0);
    expect((await findInTables(superuser, gone)).length).toBeGreaterThan(4);

    expect(await replayTombstones(ports)).toBe(size.erased);

    expect(await readableOf(database, directory, erased)).toEqual([]);
    expect(await findInTables(superuser, gone)).toEqual([]);
    expect(await findInFiles(directory, gone)).toEqual([]);
    expect(await readableOf(database, directory, held)).toEqual(held);
    while ((await chainAudit(ports)) > 0);
    const locked = { checkpoints: backup.checkpoints, jwks: await receiptKeys(ports) };
    expect(await withClient(superuser, (client) => findTampering(client, locked))).toEqual([]);
    const again = await eraseDocument(ports, world.arne, erased[0]!);
    expect(again).toBe(await eraseDocument(world.ports, world.arne, erased[0]!));
    console.log(
      `erasure: ${size.erased} erased, ${size.held} of ${size.held} held refused; 0 hits of the canary in any form; a restored backup brought ${broughtBack} back, after the replay 0 are readable`,
    );
  }
});

describe("a broken build is told from a sound one", () => {
  it.each([
    ["a text", "page_text", "public.page_text.body: raw"],
    ["a receipt", "receipt", "public.receipt.jws: base64url"],
  ])("one that leaves %s behind is found by the search", async (_what, table, where) => {
    const canary = newCanary();
    const id = await plantDocument(world, canary, "stored");
    await query(
      world,
      `create or replace function keep_row() returns trigger language plpgsql as $$ begin return null; end $$;
       create trigger keep before delete on ${table} for each row execute function keep_row()`,
    );
    await eraseDocument(world.ports, world.arne, id);
    const hits = await findInTables(world.database.superuser, canary);
    await query(world, `drop trigger keep on ${table}`);
    expect(hits.some((hit) => hit.startsWith(where))).toBe(true);
  });

  it("one that leaves the key behind lets the vault's bytes be opened again", async () => {
    const id = await plantDocument(world, newCanary(), "stored");
    await query(
      world,
      "create trigger keep before delete on document_key for each row execute function keep_row()",
    );
    const objects = { ...world.ports.objects, list: async function* () {} };
    await eraseDocument({ ...world.ports, objects }, world.arne, id);
    await query(world, "drop trigger keep on document_key");
    expect(await readableOf(world.database, world.directory, [id])).toEqual([id]);
  });
});

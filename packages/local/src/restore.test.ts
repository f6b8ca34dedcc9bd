import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "@strongroom/cli/stand-in-terminal";
import { checkpointAudit } from "@strongroom/core/audit/checkpoint-audit";
import { withClient } from "@strongroom/core/database/roles";
import { silentLog } from "@strongroom/core/log";
import type { Connection } from "@strongroom/core/ports/database";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDatabaseServer } from "./database-server.ts";
import { seededPeople } from "./seed.ts";
import { type RunningSystem, startSystem } from "./system.ts";
import { dumpTables, restoreTables } from "./test-backup.ts";
import { untilQuiet } from "./test-whole.ts";

let home: string;
let data: string;
let system: RunningSystem;
const start = async () =>
  (system = await startSystem({
    dataDirectory: data,
    port: 0,
    databaseUrl: null,
    log: silentLog,
    environment: { STRONGROOM_JOBS: "1" },
  }));
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-restore-"));
  data = join(home, "data");
  await start();
}, 60_000);
afterAll(async () => {
  await system.stop();
  await rm(home, { recursive: true, force: true });
});

const ours = (superuser: Connection) => ({ ...superuser, database: "strongroom" });

/** One command line, as somebody of the seed. */
async function as(name: string, ...argv: string[]) {
  const { tenantId, userId } = seededPeople.find((person) => person.name === name)!;
  const token = await system.issuer.issueToken({ tenantId, userId, hours: 1 });
  return await runCommand(argv, { home, as: { url: system.url, token } });
}

it("a document is held, erased and certified from the command line, and a restored database does not bring it back", async () => {
  const photo = join(import.meta.dirname, "..", "samples", "delivery-note.jpg");
  const uploaded = await as("Dora Lind", "upload", photo, "--kind", "cmr", "--json");
  const { documents } = JSON.parse(uploaded.stdout) as { documents: { id: string }[] };
  const { id } = documents[0]!;
  await untilQuiet(ours(system.superuser));

  expect(await as("Agnes Holm", "erase", id, "--yes")).toMatchObject({ code: 1 });
  expect((await as("Arne Dahl", "hold", id, "--reason", "claim")).stdout).toContain("legal hold");
  expect((await as("Arne Dahl", "erase", id, "--yes")).stderr).toContain("under a hold");
  expect((await as("Arne Dahl", "hold", id, "--lift", "--reason", "closed")).code).toBe(0);

  const tables = await dumpTables(ours(system.superuser));
  await cp(join(data, "objects", "vault"), join(home, "vault"), { recursive: true });

  const certificate = join(home, "certificate.jws");
  const erased = await as("Arne Dahl", "erase", id, "--yes", "-o", certificate);
  expect(erased).toMatchObject({ code: 0, stdout: expect.stringContaining(`ERASED: document ${id}`) });
  await untilQuiet(ours(system.superuser));
  await checkpointAudit(system.ports);
  const trail = join(home, "trail.jsonl");
  await as("Arne Dahl", "audit", "export", "-o", trail);
  const checkpoints = join(data, "objects", "vault", "checkpoints");
  expect(await as("Arne Dahl", "audit", "verify", trail, "--checkpoints", checkpoints)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("INTACT"),
  });
  await system.stop();

  const server = await openDatabaseServer({ dataDirectory: data, databaseUrl: null, log: silentLog });
  await restoreTables(ours(server.superuser), tables);
  const restored = await withClient(ours(server.superuser), (client) =>
    client.query("select 1 from document_key where document_id = $1", [id]),
  );
  expect(restored.rowCount).toBe(1);
  await server.stop();
  await cp(join(home, "vault"), join(data, "objects", "vault"), { recursive: true, force: true });

  await start();
  expect(await as("Dora Lind", "status", id)).toMatchObject({ code: 1, stdout: "" });
  const left = await withClient(ours(system.superuser), (client) =>
    client.query("select 1 from document_key where document_id = $1", [id]),
  );
  expect(left.rowCount).toBe(0);
  const again = join(home, "again.jws");
  expect((await as("Arne Dahl", "erase", id, "--yes", "-o", again)).code).toBe(0);
  expect(await readFile(again, "utf8")).toBe(await readFile(certificate, "utf8"));
}, 120_000);

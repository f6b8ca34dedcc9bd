import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { followDocument } from "@strongroom/cli/follow-document";
import { uploadDocument } from "@strongroom/cli/upload-document";
import type { DocumentView } from "@strongroom/core/api-shapes";
import { systemClock } from "@strongroom/core/clock";
import { withClient } from "@strongroom/core/database/roles";
import { systemIds } from "@strongroom/core/ids";
import { jsonLog } from "@strongroom/core/log";
import { reconcile } from "@strongroom/core/upload/reconcile";
import { type RunningSystem, startSystem } from "@strongroom/local/system";
import { clientFor, untilQuiet } from "@strongroom/local/test-whole";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { vacuumAll } from "../erasure/find-canary.ts";
import type { Client } from "../isolation/catalogue.ts";
import { type Canaries, canaryPdf, canaryPhoto, newCanary } from "./canary-files.ts";
import { readDataMap } from "./data-map.ts";
import { findInData, findInFiles, findInTables, type Hit, relationFiles } from "./find-canaries.ts";

const marks: Canaries = {
  comment: newCanary(),
  exif: newCanary(),
  pdfText: newCanary(),
  pdfInfo: newCanary(),
  fileName: newCanary(),
  note: newCanary(),
  loadNumber: newCanary(),
  pushToken: newCanary(),
  personName: newCanary(),
};
/** What stands within the files: of these only the text of a PDF may be seen outside of staging, by search. */
const within = ["comment", "exif", "pdfInfo"];
const photo = join(import.meta.dirname, "../../packages/local/samples/delivery-note.jpg");

type Outside = { files: Hit[]; logs: Hit[]; temp: Hit[] };
type Database = { tables: Hit[]; database: Hit[]; relations: Map<string, string> };

let home: string;
let system: RunningSystem;
let documents: DocumentView[];
let personal: Set<string>;
let stored: Outside;
let cleared: Outside & Database;
let erased: Outside & Database;
let staged: Hit[];
let read: { found: string[]; originals: Buffer[] };
const lines: string[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-canary-"));
  await chmod(home, 0o711);
  await mkdir(join(home, "tmp"));
  vi.stubEnv("TMPDIR", join(home, "tmp"));
  personal = new Set((await readDataMap()).flatMap((one) => (one.class === "personal" ? [one.name] : [])));
  system = await startSystem({
    dataDirectory: join(home, "data"),
    port: 0,
    databaseUrl: null,
    log: jsonLog({}, (line) => void lines.push(line)),
  });
  documents = await sendAll();
  read = await findAndRead();
  await untilQuiet(database());
  staged = await findInFiles(join(system.dataDirectory, "objects/staging"), marks);
  stored = await searchOutside();
  await clearStaging();
  cleared = { ...(await searchOutside()), ...(await searchDatabase()) };
  await eraseAll();
  erased = { ...(await searchOutside()), ...(await searchDatabase()) };
}, 180_000);
afterAll(async () => {
  await system.stop();
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

const database = () => ({ ...system.superuser, database: "strongroom" });
const asSuperuser = <T>(work: (client: Client) => Promise<T>) => withClient(database(), work);

/** A photo and a PDF full of marks, by a person with a marked name and phone, who then searches and reads. */
async function sendAll(): Promise<DocumentView[]> {
  const client = await clientFor(system.url, system.issuer, "Dora Lind");
  await client.call("editMe", { body: { name: marks.personName } });
  const device = { platform: "web", pushToken: marks.pushToken } as const;
  await client.call("registerDevice", { params: { id: systemIds.uuid() }, body: device });
  const files: [string, Buffer][] = [
    [`${marks.fileName}.jpg`, await canaryPhoto(await readFile(photo), marks)],
    [`${marks.fileName}.pdf`, canaryPdf(marks)],
  ];
  const { note, loadNumber } = marks;
  const sent: DocumentView[] = [];
  for (const [name, bytes] of files) {
    const path = join(home, name);
    await writeFile(path, bytes);
    const order = { id: systemIds.uuid(), kind: "cmr", note, loadNumber, paths: [path] };
    await uploadDocument(client, order);
    sent.push(await followDocument(client, order.id));
    await rm(path);
  }
  return sent;
}

/** Searches for a mark, and reads the originals: what is asked for and answered must leave no trace either. */
async function findAndRead(): Promise<typeof read> {
  const client = await clientFor(system.url, system.issuer, "Dora Lind");
  const list = await client.call("listDocuments", { query: { search: marks.pdfText } });
  const originals = await Promise.all(
    documents.map(async ({ id }) => {
      const ticket = { params: { id }, body: { artefact: "original-1" } };
      const { url } = await client.call("issueTicket", ticket);
      return Buffer.from(await (await fetch(url)).arrayBuffer());
    }),
  );
  return { found: list.documents.map(({ id }) => id), originals };
}

/** A day passes for the documents, not for us. */
async function clearStaging(): Promise<void> {
  await asSuperuser((client) =>
    client.query("update document set settled_at = settled_at - interval '2 days'"),
  );
  const isEmpty = async () => (await filesIn("objects/staging")).length === 0;
  while (!(await isEmpty())) {
    await reconcile(system.ports);
    await systemClock.sleep(50);
  }
}

/** As an administrator does it; then what PostgreSQL does by and by. */
async function eraseAll(): Promise<void> {
  const admin = await clientFor(system.url, system.issuer, "Arne Dahl");
  for (const { id } of documents) await admin.call("eraseDocument", { params: { id } });
  await untilQuiet(database());
  await asSuperuser(vacuumAll);
}

async function filesIn(place: string): Promise<string[]> {
  const entries = await readdir(join(system.dataDirectory, place), { recursive: true, withFileTypes: true });
  return entries.flatMap((one) => (one.isFile() ? [one.name] : []));
}

async function searchOutside(): Promise<Outside> {
  // What is not of the database itself: its log lies beside it.
  const files = await findInFiles(system.dataDirectory, marks, (place) => place.startsWith("postgres/data/"));
  const logs = findInData(Buffer.from(lines.join("\n")), "log", marks);
  return { files, logs, temp: await findInFiles(join(home, "tmp"), marks) };
}

/** Once staging is cleared, since what was ever written stands in what is logged ahead and no table was vacuumed meanwhile; and once all is erased. */
async function searchDatabase(): Promise<Database> {
  return await asSuperuser(async (client) => {
    await client.query("checkpoint"); // what is only in memory would not be found
    const relations = await relationFiles(client);
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    const database = await findInFiles(rows[0]!.data_directory, marks);
    return { database, relations, tables: await findInTables(client, marks) };
  });
}

/** Files of PostgreSQL in which words of a personal column may stand: its table, that table's indexes, and what was logged ahead. */
function isOfPersonalTable(place: string): boolean {
  if (place.startsWith("pg_wal/")) return true;
  const table = cleared.relations.get(place.replace(/(_(fsm|vm))?(\.\d+)?$/, ""));
  return [...personal].some((name) => name.startsWith(`${table}.`));
}

describe("documents full of marks", () => {
  test("were stored, found by their text, and hold their marks in the vault", () => {
    expect(documents.map(({ state }) => state)).toEqual(["stored", "stored"]);
    expect(read.found).toEqual([documents[1]!.id]);
    const marksOf = (bytes: Buffer) => new Set(findInData(bytes, "", marks).map(({ mark }) => mark));
    expect(read.originals.map(marksOf)).toEqual([
      new Set(["comment", "exif"]),
      new Set(["pdfText", "pdfInfo"]),
    ]);
  });

  test("lie in staging while its time lasts, where the search finds them", () => {
    expect(new Set(staged.map(({ mark }) => mark))).toEqual(
      new Set(["comment", "exif", "pdfText", "pdfInfo"]),
    );
  });
});

describe.each([
  ["once they are stored", () => stored],
  ["once staging is cleared", () => cleared],
])("%s", (_when, search) => {
  test("no file outside of staging and the database holds a mark in any form", () => {
    expect(search().files.filter(({ place }) => !place.startsWith("objects/staging/"))).toEqual([]);
  });

  test("no log line and no temporary file holds one", () => {
    expect([...search().logs, ...search().temp]).toEqual([]);
    expect(lines.length).toBeGreaterThan(10);
  });
});

describe("the database", () => {
  test("holds marks in columns that the data map calls personal, and in no others", () => {
    const columns = new Set(cleared.tables.map(({ place }) => place));
    expect([...columns].filter((name) => !personal.has(name))).toEqual([]);
    const holding = [
      "app_user.name",
      "device.push_token",
      "document.note",
      "document_file.name",
      "page_text.body",
    ];
    for (const name of holding) expect(columns).toContain(`public.${name}`);
  });

  test("has no file with what stands within files, not even the log that is written ahead", () => {
    expect(cleared.database.filter(({ mark }) => within.includes(mark))).toEqual([]);
    expect(cleared.database.map(({ mark }) => mark)).toContain("pdfText");
    expect(cleared.database.filter(({ place }) => !isOfPersonalTable(place))).toEqual([]);
  });
});

describe("once the documents are erased, and the database is vacuumed", () => {
  /** A person's own words stay with the person. */
  const isOfDocument = ({ mark }: Hit) => !["personName", "pushToken"].includes(mark);

  test("no column, no file, no page of the database, no log line and no temporary file holds a mark of them", () => {
    const { tables, files, logs, temp } = erased;
    expect([...tables, ...files, ...logs, ...temp].filter(isOfDocument)).toEqual([]);
    // What is logged ahead holds words until its age: docs/data-map.md says for how long.
    const pages = erased.database.filter(({ place }) => !place.startsWith("pg_wal/"));
    expect(pages.filter(isOfDocument)).toEqual([]);
    // The same search finds what stays.
    expect(pages.map(({ mark }) => mark)).toContain("personName");
  });
});

describe("once their time has passed", () => {
  test.each(["objects/staging", "objects/temp", "objects/uploads"])("%s is empty", async (place) => {
    expect(await filesIn(place)).toEqual([]);
  });

  test("no scratch of a worker holds a file", async () => {
    expect(await filesIn("scratch")).toEqual([]);
  });
});

describe("the search", () => {
  const mark = marks.comment;
  test("looks into the log of the database, which lies beside its directory", async () => {
    const log = "postgres/postgres.log";
    await appendFile(join(system.dataDirectory, log), `${mark}\n`);
    expect((await searchOutside()).files).toEqual([{ mark: "comment", form: "raw", place: log }]);
  });

  test("finds a mark in any column, whatever its type", async () => {
    const hits = await asSuperuser(async (client) => {
      await client.query("begin");
      await client.query("create table public.planted (a jsonb, b bytea, c text[])");
      await client.query("insert into planted values (jsonb_build_object($1::text, 1), $2, array[$1])", [
        mark,
        Buffer.from(mark),
      ]);
      return await findInTables(client, { comment: mark });
    });
    expect(new Set(hits.map(({ place }) => place))).toEqual(
      new Set(["a", "b", "c"].map((column) => `public.planted.${column}`)),
    );
  });
});

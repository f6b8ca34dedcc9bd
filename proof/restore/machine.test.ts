import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UploadOrder } from "@strongroom/cli/upload-document";
import { uploadDocument } from "@strongroom/cli/upload-document";
import { followDocument } from "@strongroom/cli/follow-document";
import { withClient } from "@strongroom/core/database/roles";
import { findFaults } from "@strongroom/local/test-invariants";
import { untilQuiet } from "@strongroom/local/test-whole";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededPeople } from "@strongroom/local/seed";
import type { PublicKey, Verdict } from "../check/judged-run.ts";
import { openVault } from "../erasure/open-vault.ts";
import { judgeRestored, type Kept } from "./judge-restored.ts";
import {
  backUp,
  faultsOf,
  keepKeys,
  killMachine,
  lay,
  type Machine,
  restore,
  startMachine,
  stopMachine,
  store,
  superuserOf,
  verify,
} from "./machine.ts";

const mebibyte = 1024 * 1024;
let home: string;
let machine: Machine;
/** Stored before the backup, and after it. */
const before: UploadOrder[] = [];
const after: UploadOrder[] = [];
/** Erased after the backup: one that it knows, and one that it does not. */
const erased: UploadOrder[] = [];
/** Stored after the backup, and so long ago that its staging is empty. */
let beyond: UploadOrder;

const dora = () => machine.as("Dora Lind");
const vaultOf = (data: string) => join(data, "objects/vault");
const stagingOf = (data: string) => join(data, "objects/staging");

/** The directory of a document below staging or vault. */
async function directoryOf(area: string, id: string): Promise<string | null> {
  const all = await readdir(area, { recursive: true });
  const found = all.find((path) => path.endsWith(id));
  return found === undefined ? null : join(area, found);
}

/** The old disk fails: a bit of every object of a document is another one. */
async function rot(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    await chmod(path, 0o600);
    await writeFile(path, bytes.with(500, bytes[500]! ^ 1));
  }
}

/** What a sender knows of a document, for the judge. */
async function keptOf({ id, paths }: UploadOrder): Promise<Kept> {
  const { tenantId: tenant, userId: user } = seededPeople.find(({ name }) => name === "Dora Lind")!;
  const pages = await Promise.all(paths.map((path) => readFile(path)));
  const files = pages.map((page) => ({
    sha256: createHash("sha256").update(page).digest("hex"),
    sizeBytes: page.length,
  }));
  return { tenant, user, document: id, files };
}

async function judged(): Promise<Verdict[]> {
  const { keys } = JSON.parse(await readFile(join(home, "keys.json"), "utf8")) as { keys: PublicKey[] };
  const kept = await Promise.all([...before, ...after].map(keptOf));
  return await judgeRestored(await superuserOf(machine.data), machine.data, { kept, keys });
}

async function erase({ id }: UploadOrder): Promise<void> {
  await machine.as("Arne Dahl").call("eraseDocument", { params: { id } });
}

/** Before anything is lost all has to be well; keeps the receipt. */
async function check(order: UploadOrder): Promise<void> {
  const faults = await faultsOf(dora(), order, home);
  if (faults.length > 0) throw new Error(faults.join("; "));
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "strongroom-machine-"));
  await chmod(home, 0o711);
  machine = await startMachine(join(home, "data"));
  await keepKeys(dora(), home);
  before.push(await store(dora(), home, [300_000]), await store(dora(), home, [300_000, 400_000]));
  erased.push(await store(dora(), home, [300_000]));
  await untilQuiet(await superuserOf(machine.data));
  for (const order of before) await check(order);
  await stopMachine(machine);
  await backUp(machine.data, join(home, "backup"));

  machine = await startMachine(machine.data);
  after.push(
    await store(dora(), home, [300_000], { loadNumber: "L-4711", note: "at the gate" }),
    await store(dora(), home, [300_000, 350_000, 400_000]),
    await store(dora(), home, [17 * mebibyte]),
  );
  erased.push(await store(dora(), home, [300_000]));
  beyond = await store(dora(), home, [300_000]);
  await untilQuiet(await superuserOf(machine.data));
  for (const order of [...after, beyond]) await check(order);
  // A copy of staging from before the erasures, as a snapshot of the disk would hold it.
  await lay("objects/staging", machine.data, join(home, "disk"));
  for (const order of erased) await erase(order);
  await killMachine(machine);
}, 240_000);
afterAll(async () => {
  await stopMachine(machine);
  await rm(home, { recursive: true, force: true });
});

describe("a machine that is lost, and its backup with what is left of its disk laid onto an empty one", () => {
  beforeAll(async () => {
    const [lost, data] = [machine.data, join(home, "restored")];
    await rm(stagingOf(lost), { recursive: true });
    await lay("objects/staging", join(home, "disk"), lost);
    await rm((await directoryOf(stagingOf(lost), beyond.id))!, { recursive: true });
    await rot((await directoryOf(vaultOf(lost), before[0]!.id))!);
    await restore(data, { backup: join(home, "backup"), lost });
    machine = await startMachine(data);
    const superuser = await superuserOf(data);
    // Adopted before anybody was served: nobody receives a document without the pages that the backup did not know.
    const { rowCount } = await withClient(superuser, (client) => client.query("select id from document"));
    const known = before.length + after.length + 1;
    if (rowCount !== known) throw new Error(`${rowCount} of ${known} documents are known`);
    await untilQuiet(superuser);
  }, 120_000);

  it("serves what was stored before the backup, byte for byte, under the receipts of then", async () => {
    for (const order of before) {
      expect(verify(join(home, `${order.id}.jws`), home, order.paths)).toContain("The receipt holds");
      expect(await faultsOf(dora(), order, home)).toEqual([]);
    }
  });

  it("has taken in again, from staging, what was stored after it: byte for byte, with receipts that hold", async () => {
    for (const order of after) expect(await faultsOf(dora(), order, home)).toEqual([]);
  });

  it("is whole for the independent judge: every object opens to its digests and to what was sent, every receipt is signed", async () => {
    const verdicts = await judged();
    expect(verdicts.flatMap(({ violations }) => violations)).toEqual([]);
    const pages = [...before, ...after].reduce((sum, { paths }) => sum + paths.length, 0);
    const [objects, originals, receipts] = verdicts.map(({ looked }) => looked);
    expect([originals, receipts]).toEqual([pages, before.length + after.length]);
    expect(objects).toBeGreaterThanOrEqual(3 * pages);
    // It would not say so of anything.
    const directory = (await directoryOf(vaultOf(machine.data), after[0]!.id))!;
    await rot(directory);
    expect((await judged()).map(({ id, violations }) => [id, violations.length > 0])).toEqual([
      ["I2", true],
      ["P2", false],
      ["P2b", false],
    ]);
    await rot(directory); // the same bit again
  });

  it("keeps its invariants, but for the sealed objects of documents that it does not know", async () => {
    const faults = await findFaults(await superuserOf(machine.data), machine.data);
    const unknown = [...after, ...erased, beyond].map(({ id }) => id);
    expect(faults.filter((fault) => !unknown.some((id) => fault.includes(id)))).toEqual([]);
  });

  it("gives nobody what was erased since: no answer, no staged byte, no key that opens", async () => {
    const readable = await openVault(await superuserOf(machine.data), machine.data);
    for (const { id } of erased) {
      await expect(dora().call("showDocument", { params: { id } })).rejects.toMatchObject({
        code: "not_found",
      });
      expect(await directoryOf(stagingOf(machine.data), id)).toBeNull();
      expect(await directoryOf(vaultOf(machine.data), id)).toBeNull();
      expect(readable.has(id)).toBe(false);
    }
    expect([...before, ...after].every(({ id }) => readable.has(id))).toBe(true);
  });

  it("names what is lost: the one document whose staging was empty; its sealed bytes are still there", async () => {
    await expect(dora().call("showDocument", { params: { id: beyond.id } })).rejects.toMatchObject({
      code: "not_found",
    });
    expect(await directoryOf(vaultOf(machine.data), beyond.id)).not.toBeNull();
  });

  it("answers a phone that announces its document again as ever, and has its words back", async () => {
    const [order] = after;
    const { document } = await dora().call("showDocument", { params: { id: order!.id } });
    expect(document).toMatchObject({ loadNumber: null, note: null });
    const again = await uploadDocument(dora(), order!);
    expect(again).toMatchObject({ state: "stored", loadNumber: "L-4711", note: "at the gate" });
    // What is lost comes back as well, if its sender still has it.
    await uploadDocument(dora(), beyond);
    await followDocument(dora(), beyond.id);
    await untilQuiet(await superuserOf(machine.data)); // its receipt is signed a moment later
    expect(await faultsOf(dora(), beyond, home)).toEqual([]);
  });

  it("had taken all of it in before anybody was served: the first sweep found nothing left", async () => {
    await stopMachine(machine);
    const { stderr } = await machine.main.ended;
    const [first] = stderr.split("\n").filter((line) => line.includes('"sweep.done"'));
    expect(JSON.parse(first!)).toMatchObject({ stagingAdopted: 0 });
  });
});

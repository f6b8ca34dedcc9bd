import { createHash, randomBytes, randomInt } from "node:crypto";
import { Readable } from "node:stream";
import { Damaged, NotAsStored } from "@strongroom/core/errors";
import { issueTicket } from "@strongroom/core/document/issue-ticket";
import { readDocument, verifiedWholeBytes } from "@strongroom/core/document/read-document";
import { jsonLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";
import { issueReceipt } from "@strongroom/core/receipt/issue-receipt";
import { receiptKeys } from "@strongroom/core/receipt/receipt-keys";
import type { Actor } from "@strongroom/core/user/user";
import { photo, processOnce, query, receive, standInRenderer } from "@strongroom/local/test-pipeline";
import { seededRandom } from "@strongroom/local/test-random";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { proofSize } from "../promises/proof-size.ts";
import { judgeReceipts } from "../check/judge-evidence.ts";
import { judgeVault } from "../check/judge-objects.ts";
import type { Entry, Verdict } from "../check/judged-run.ts";
import { readState } from "./read-state.ts";
import { type Kind, lying, type Sealed, type Tampering, tamperings } from "./tamper.ts";

const tenth: Record<Kind, number> = { ciphertext: 20, header: 5, "wrapped key": 5, cut: 5, swap: 5 };
const times = { ci: 1, nightly: 10 }[proofSize()];
const counts = Object.fromEntries(
  Object.entries(tenth).map(([kind, count]) => [kind, count * times]),
) as typeof tenth;
const total = Object.values(counts).reduce((sum, count) => sum + count);
/** Each has two originals, pages and thumbnails, a combined PDF and facts of its capture: more than are flipped. */
const documents = counts["wrapped key"];
const seed = Number(process.env["PROOF_SEED"] ?? randomInt(2 ** 31));

let world: TestWorld;
let objects: Sealed[];
/** What was opened by the independent reader before anything was touched, by the key of its object. */
const plaintexts = new Map<string, Buffer>();
const history: Entry[] = [];
const lines: string[] = [];

beforeAll(async () => {
  world = await testWorld({ log: jsonLog({}, (line) => void lines.push(line)) });
  for (let n = 0; n < documents; n += 1) await store(n);
  history.push({ at: 0, what: "keys", keys: (await receiptKeys(world.ports)).keys });
  objects = await query<Sealed>(
    world,
    "select tenant_id, document_id, name, vault_key, size_bytes::integer from artefact order by document_id, name",
  );
}, 300_000);
afterAll(() => world.close());

/** Documents of both tenants; every fifth is one that is read as a stream. */
async function store(n: number): Promise<void> {
  const actor = n % 2 === 0 ? world.dora : world.franz;
  const sizeBytes = n % 5 === 4 ? verifiedWholeBytes + 300_000 : 1_000 + (n % 5) * 200_000 + n;
  const files = [randomBytes(sizeBytes), randomBytes(1_000 + n)];
  const bell = await receive(world, actor, files);
  const renderer = standInRenderer(
    (_job, before) =>
      ({ ...photo(`${bell.documentId} ${before}`), captureFacts: { make: "Nokia" } }) as never,
  );
  const outcome = await processOnce(world.ports, bell, { renderer });
  if (outcome !== "stored") throw new Error(`a document is ${outcome}`);
  await issueReceipt(world.ports, bell.tenantId, bell.documentId);
  history.push(plannedBy(actor, bell.documentId, files));
}

const plannedBy = ({ tenantId, userId }: Actor, document: string, files: Buffer[]): Entry => ({
  at: 0,
  what: "planned",
  tenant: tenantId,
  user: userId,
  document,
  fate: "shown",
  files: files.map((bytes, index) => ({
    position: index + 1,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    sizeBytes: bytes.length,
    requests: 1,
  })),
});

const actorOf = ({ tenant_id }: Sealed) => (tenant_id === world.dora.tenantId ? world.dora : world.franz);

/** What is released of an object to a reader, and the fault that ends the reading. */
async function read(object: Sealed, ports: Ports = world.ports): Promise<{ bytes: Buffer; error: unknown }> {
  const asked = { documentId: object.document_id, artefact: object.name };
  const { url } = await issueTicket(ports, actorOf(object), asked);
  const ticket = new URL(url).searchParams.get("ticket")!;
  const released: Uint8Array[] = [];
  try {
    const { body } = await readDocument(ports, { ...asked, ticket });
    if (!(body instanceof Readable)) return { bytes: Buffer.from(body), error: null };
    for await (const chunk of body as AsyncIterable<Uint8Array>) released.push(chunk);
    return { bytes: Buffer.concat(released), error: null };
  } catch (error) {
    return { bytes: Buffer.concat(released), error };
  }
}

/** A store that notices nothing itself. */
const trusting = (object: Sealed): Ports => ({
  ...world.ports,
  objects: {
    ...world.ports.objects,
    read: async () => Readable.from([(await lying(world, object).read()).sealed]),
  },
});

/** A stream breaks off with the fault itself. */
const isDamage = (error: unknown): boolean => error instanceof Damaged || error instanceof NotAsStored;

/** A bit of the wrapped key that names its root key looks like a root key that was lost: refused, and told by whoever answers. */
const isOfLostRoot = (error: unknown): boolean =>
  / root key [0-9a-f]{32}, which is not here$/.test(String(error));

/** Why it cannot be said that a tampered object was found; empty when it was. */
async function missed(object: Sealed): Promise<string[]> {
  const stores = { "its store": world.ports, "a store that trusts": trusting(object) };
  const faults: string[] = [];
  for (const [store, ports] of Object.entries(stores))
    faults.push(...(await missedBy(object, ports)).map((fault) => `read from ${store}: ${fault}`));
  if ((await judged(object.document_id)).violations.length === 0) faults.push("the judge finds nothing");
  return faults.map((fault) => `${object.name} of ${object.document_id}: ${fault}`);
}

async function missedBy(object: Sealed, ports: Ports): Promise<string[]> {
  const plaintext = plaintexts.get(object.vault_key)!;
  const told = lines.length;
  const { bytes, error } = await read(object, ports);
  const isTold = lines.slice(told).some((line) => line.includes('"document.damaged"'));
  const faults: [boolean, string][] = [
    [error === null, "it ended cleanly"],
    [bytes.length > 0 && plaintext.length <= verifiedWholeBytes, "something was released"],
    [!bytes.equals(plaintext.subarray(0, bytes.length)), "what was released is not of it"],
    [!isOfLostRoot(error) && !isDamage(error), "it is not told as damaged"],
    [!isOfLostRoot(error) && !isTold, "there is no alarm"],
  ];
  const said = `${bytes.length} of ${plaintext.length} bytes, ended by ${String(error)}`;
  return faults.flatMap(([isSo, fault]) => (isSo ? [`${said}: ${fault}`] : []));
}

/** I2, of one document or of all. */
async function judged(only: string | null = null): Promise<Verdict> {
  const state = await readState(world.database.superuser, world.directory, { history, only });
  return judgeVault(state).find(({ id }) => id === "I2")!;
}

async function tryOne({ kind, title, victims, apply }: Tampering): Promise<string[]> {
  const undo = await apply();
  try {
    const faults: string[] = [];
    for (const victim of victims) faults.push(...(await missed(victim))); // one after the other: each has its own alarm
    return faults.map((fault) => `${kind}, ${title}: ${fault}`);
  } finally {
    await undo();
  }
}

describe(`the vault of ${documents} documents`, () => {
  it("holds what was uploaded, bit for bit, and the receipts say so: for the independent judge, which opens all of it", async () => {
    const state = await readState(world.database.superuser, world.directory, { history });
    const verdicts = [...judgeVault(state), judgeReceipts(state)];
    expect(verdicts.flatMap(({ violations }) => violations)).toEqual([]);
    expect(verdicts.map(({ id, looked }) => [id, looked])).toEqual([
      ["I2", objects.length],
      ["P2", 2 * documents],
      ["P2b", documents],
    ]);
    expect(objects.length).toBeGreaterThanOrEqual(counts.ciphertext);
  });

  it("is read whole, before anything is done to it", async () => {
    for (const object of objects) {
      const { bytes, error } = await read(object);
      expect([bytes.length, error]).toEqual([object.size_bytes, null]);
      plaintexts.set(object.vault_key, bytes);
    }
  }, 120_000);
});

describe(`what is done to it (PROOF_SEED=${seed})`, () => {
  it(`is found on read, ${total} times of ${total}: no byte of a small one, of a large one a true part and never a clean end`, async () => {
    const faults: string[] = [];
    const done = new Map<string, number>();
    for (const one of tamperings({ world, objects, random: seededRandom(seed) }, counts)) {
      done.set(one.kind, (done.get(one.kind) ?? 0) + 1);
      faults.push(...(await tryOne(one)));
    }
    console.log(
      `vault: ${objects.length} objects opened; ${[...done].map(([kind, n]) => `${n} × ${kind}`).join(", ")}`,
    );
    expect(faults).toEqual([]);
    expect(Object.fromEntries(done)).toEqual(counts);
    expect((await judged()).violations).toEqual([]);
  }, 600_000);
});

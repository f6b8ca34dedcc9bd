import { randomBytes } from "node:crypto";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { processOnce, query, receive } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Doorbell } from "../job/ring-doorbell.ts";
import type { LogFields } from "../log.ts";
import type { Ports } from "../ports/ports.ts";
import { eraseDocument } from "../retention/erase-document.ts";
import { issueTicket } from "./issue-ticket.ts";
import { readDocument, verifiedWholeBytes } from "./read-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

async function stored(sizeBytes = 1_000): Promise<Doorbell> {
  const bell = await receive(world, world.dora, [randomBytes(sizeBytes)]);
  expect(await processOnce(world.ports, bell)).toBe("stored");
  return bell;
}

async function read({ documentId }: Doorbell, ports: Ports, actor = world.dora) {
  const asked = { documentId, artefact: "original-1" };
  const { url } = await issueTicket(world.ports, actor, asked);
  return await readDocument(ports, { ...asked, ticket: new URL(url).searchParams.get("ticket")! });
}

/** The file of the sealed original: its bytes, and the facts of the store behind them. */
async function lying({ documentId }: Doorbell) {
  const [row] = await query<{ vault_key: string; sealed_size_bytes: string }>(
    world,
    "select vault_key, sealed_size_bytes from artefact where document_id = $1 and name = 'original-1'",
    [documentId],
  );
  const path = join(world.directory, "objects", "vault", `${row!.vault_key.slice(2)}@`);
  const [file, end] = [await readFile(path), Number(row!.sealed_size_bytes)];
  return { path, sealed: file.subarray(0, end), facts: file.subarray(end) };
}

async function change(bell: Doorbell, how: (sealed: Buffer) => Buffer | Promise<Buffer>): Promise<void> {
  const { path, sealed, facts } = await lying(bell);
  await chmod(path, 0o600);
  await writeFile(path, Buffer.concat([await how(sealed), facts]));
}

const flip = (at: (length: number) => number) => (sealed: Buffer) =>
  Buffer.from(sealed.with(at(sealed.length), sealed[at(sealed.length)]! ^ 4));

/** Ports whose log keeps what it is told as an error. */
function listening(objects: Partial<Ports["objects"]> = {}) {
  const told: (LogFields & { event: string })[] = [];
  const error = (event: string, fields: LogFields = {}) => void told.push({ event, ...fields });
  const log = { ...world.ports.log, error };
  return { told, ports: { ...world.ports, log, objects: { ...world.ports.objects, ...objects } } };
}
const toldOf = ({ tenantId, documentId }: Doorbell) => [
  expect.objectContaining({ event: "document.damaged", tenantId, documentId, artefact: "original-1" }),
];

const longer = "update artefact set size_bytes = size_bytes + 1 where document_id = $1";
const otherKey =
  "update document_key set wrapped = set_byte(wrapped, 40, get_byte(wrapped, 40) # 4) where document_id = $1";
const away = () => Object.assign(new Error("away"), { code: "ECONNREFUSED" });
async function* brokenOff() {
  yield Buffer.from([2]); // as every sealed message begins
  throw away();
}

describe("a stored copy that is damaged", () => {
  it.each<[string, (bell: Doorbell) => Promise<void>]>([
    ["deleted", async (bell) => await rm((await lying(bell)).path)],
    ["cut on the disk", async (bell) => await change(bell, (sealed) => sealed.subarray(0, -9))],
    [
      "flipped",
      async (bell) =>
        await change(
          bell,
          flip((length) => length >> 1),
        ),
    ],
    ["exchanged", async (bell) => await change(bell, async () => (await lying(await stored())).sealed)],
    ["left with another key", async ({ documentId }) => void (await query(world, otherKey, [documentId]))],
    ["said to be longer", async ({ documentId }) => void (await query(world, longer, [documentId]))],
  ])("that was %s is called that, and the operator is told which it is", async (_what, how) => {
    const bell = await stored();
    await how(bell);
    const { told, ports } = listening();
    await expect(read(bell, ports)).rejects.toMatchObject({ name: "Damaged" });
    expect(told).toEqual(toldOf(bell));
  });

  it("that is met after the first byte cuts the stream off, and the operator is told which", async () => {
    const bell = await stored(verifiedWholeBytes + 300_000);
    const sealed = flip((length) => length - 9)((await lying(bell)).sealed);
    const { told, ports } = listening({ read: async () => Readable.from([sealed]) });
    const { body } = await read(bell, ports);
    await expect(buffer(body as Readable)).rejects.toMatchObject({ name: "NotAsStored" });
    expect(told).toEqual(toldOf(bell));
  });

  it.each<[string, () => Promise<Readable>]>([
    ["does not answer", () => Promise.reject(away())],
    ["breaks off", async () => Readable.from(brokenOff())],
  ])("is not what a store is called that %s", async (_what, reading) => {
    const bell = await stored();
    const { told, ports } = listening({ read: reading });
    await expect(read(bell, ports)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(told).toEqual([]);
  });

  it.each([
    ["its driver", "dora", { code: "not_found", status: 404 }],
    ["an admin", "arne", { code: "erased", status: 410 }],
  ] as const)(
    "is not what one is called that is erased while %s is about to read it",
    async (_who, name, refused) => {
      const bell = await stored();
      const { told, ports } = listening({
        read: async (key) => {
          await eraseDocument(world.ports, world.arne, bell.documentId);
          return await world.ports.objects.read(key);
        },
      });
      await expect(read(bell, ports, world[name])).rejects.toMatchObject(refused);
      expect(told).toEqual([]);
    },
  );
});

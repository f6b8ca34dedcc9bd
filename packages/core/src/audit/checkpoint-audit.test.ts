import { text } from "node:stream/consumers";
import { query } from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TenantId } from "../ids.ts";
import { receiptKeys } from "../receipt/receipt-keys.ts";
import { appendAudit } from "./append-audit.ts";
import { chainAudit } from "./chain-audit.ts";
import { type Checkpoint, checkpointSha256, verifyCheckpoint } from "./checkpoint.ts";
import { checkpointAudit, checkpointKey, lastCheckpoint } from "./checkpoint-audit.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

async function append(tenantId: TenantId): Promise<void> {
  const { ports } = world;
  await ports.database.withTenant(tenantId, (tx) =>
    appendAudit(ports, tx, { actor: "user:x", action: "document.read", subject: newDocumentId() }),
  );
}

const heads = async () =>
  (
    await query<{ tenant_id: string; sequence: string; hash: string }>(
      world,
      "select * from audit_head order by tenant_id",
    )
  ).map(({ tenant_id, sequence, hash }) => ({
    tenantId: tenant_id,
    sequence: Number(sequence),
    hash,
  }));

const verified = async (jws: string): Promise<Checkpoint> => {
  const check = await verifyCheckpoint(jws, await receiptKeys(world.ports));
  if (check.outcome === "invalid") throw new Error(check.reason);
  return check.checkpoint;
};

it("there is none before the first", async () => {
  expect(await lastCheckpoint(world.ports)).toBeNull();
});

it("a checkpoint signs the heads of all tenants, lies in the vault and verifies with the published keys", async () => {
  for (const tenant of [world.dora.tenantId, world.franz.tenantId, world.dora.tenantId]) await append(tenant);
  await chainAudit(world.ports);
  const made = await checkpointAudit(world.ports);
  const inVault = await text(await world.ports.objects.read(checkpointKey(1)));
  expect(checkpointSha256(await verified(inVault))).toBe(checkpointSha256(made));
  expect(made).toMatchObject({ sequence: 1, previousSha256: null });
  expect(made.heads.toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : 1))).toEqual(await heads());
  expect(await lastCheckpoint(world.ports)).toEqual({ sequence: 1, sha256: checkpointSha256(made) });
  expect(await query(world, "select jws from audit_checkpoint")).toEqual([{ jws: inVault }]);
});

it("each names the one before, so that none can be left out", async () => {
  const before = (await lastCheckpoint(world.ports))!;
  await append(world.dora.tenantId);
  await chainAudit(world.ports);
  const next = await checkpointAudit(world.ports);
  expect(next).toMatchObject({ sequence: before.sequence + 1, previousSha256: before.sha256 });
});

it("the copy in the vault comes before the row: when it cannot be kept, nothing is recorded", async () => {
  const before = await lastCheckpoint(world.ports);
  const objects = { ...world.ports.objects, put: () => Promise.reject(new Error("the vault is full")) };
  await expect(checkpointAudit({ ...world.ports, objects })).rejects.toThrow("the vault is full");
  expect(await lastCheckpoint(world.ports)).toEqual(before);
});

it("a crash between copy and row keeps both copies: the first unchanged, the one that counts beside it", async () => {
  const { sequence } = (await lastCheckpoint(world.ports))!;
  const { database } = world.ports;
  const system = new Proxy(database.system, {
    get: (target, name) => {
      if (name === "insertInto") throw new Error("killed before the row");
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  await expect(checkpointAudit({ ...world.ports, database: { ...database, system } })).rejects.toThrow(
    "killed",
  );
  const orphan = await text(await world.ports.objects.read(checkpointKey(sequence + 1)));
  const made = await checkpointAudit(world.ports);
  expect(await text(await world.ports.objects.read(checkpointKey(sequence + 1)))).toBe(orphan);
  const copies: Checkpoint[] = [];
  for await (const { key } of world.ports.objects.list(checkpointKey(sequence + 1)))
    copies.push(await verified(await text(await world.ports.objects.read(key))));
  expect(copies).toHaveLength(2);
  expect(copies.map(checkpointSha256)).toContain(checkpointSha256(made));
});

it("a checkpoint whose row was rewritten does not verify any more", async () => {
  const [row] = await query<{ jws: string }>(
    world,
    "select jws from audit_checkpoint order by sequence limit 1",
  );
  const [header, payload, signature] = row!.jws.split(".") as [string, string, string];
  const facts = JSON.parse(Buffer.from(payload, "base64url").toString()) as Checkpoint;
  const forged = Buffer.from(JSON.stringify({ ...facts, heads: [] })).toString("base64url");
  expect(
    await verifyCheckpoint([header, forged, signature].join("."), await receiptKeys(world.ports)),
  ).toMatchObject({ outcome: "invalid" });
});

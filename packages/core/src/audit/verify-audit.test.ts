import { editMe } from "../user/edit-me.ts";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { receiptKeys } from "../receipt/receipt-keys.ts";
import { chainAudit } from "./chain-audit.ts";
import { checkpointAudit, checkpointKey } from "./checkpoint-audit.ts";
import type { ChainedEntry } from "./chain.ts";
import { listAudit } from "./list-audit.ts";
import { type AuditEvidence, verifyAudit } from "./verify-audit.ts";

let world: TestWorld;
let evidence: AuditEvidence;
/** Three checkpoints: after 4, 6 and 6 entries; then two entries more. */
beforeAll(async () => {
  world = await testWorld();
  const { ports, dora, franz } = world;
  for (const count of [4, 2, 0]) {
    for (let n = 0; n < count; n += 1) await editMe(ports, dora, { language: "de" });
    await editMe(ports, franz, { language: "de" });
    await chainAudit(ports);
    await checkpointAudit(ports);
  }
  for (let n = 0; n < 2; n += 1) await editMe(ports, dora, { language: "en" });
  await chainAudit(ports);
  const checkpoints = await Promise.all(
    [1, 2, 3].map(async (n) => await text(await ports.objects.read(checkpointKey(n)))),
  );
  evidence = {
    tenantId: dora.tenantId,
    entries: await allEntries(3),
    checkpoints,
    jwks: await receiptKeys(ports),
  };
});
afterAll(() => world.close());

async function allEntries(limit: number, tenant = world.arne): Promise<ChainedEntry[]> {
  const entries: ChainedEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await listAudit(world.ports, tenant, { limit, cursor });
    entries.push(...(page.entries as ChainedEntry[]));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return entries;
}

describe("the list of the audit", () => {
  it("is the tenant's chain from its first entry on, whatever the size of a page, and nobody else's", async () => {
    expect(evidence.entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(evidence.entries.every(({ entry }) => entry.tenantId === world.dora.tenantId)).toBe(true);
    for (const limit of [1, 8, 500]) expect(await allEntries(limit)).toEqual(evidence.entries);
    expect(await allEntries(500, world.franz)).toHaveLength(3);
  });

  it("has no entry that is not chained yet", async () => {
    await editMe(world.ports, world.franz, { language: "en" });
    expect(await allEntries(500, world.franz)).toHaveLength(3);
    await chainAudit(world.ports);
    expect(await allEntries(500, world.franz)).toHaveLength(4);
  });

  it("refuses a cursor that it did not make", async () => {
    for (const cursor of ["x", Buffer.from("1").toString("base64url")])
      await expect(listAudit(world.ports, world.arne, { limit: 5, cursor })).rejects.toMatchObject({
        code: "invalid_cursor",
        status: 400,
      });
  });
});

const check = (changes: Partial<AuditEvidence>) => verifyAudit({ ...evidence, ...changes });

describe("an auditor with entries, checkpoints and keys", () => {
  it("finds an untouched trail intact, and is told how much of it is proven", async () => {
    expect(await check({})).toEqual({
      outcome: "intact",
      entries: 8,
      proven: 6,
      checkpoint: { sequence: 3, at: expect.any(String) },
    });
    expect(await check({ checkpoints: evidence.checkpoints.toReversed() })).toMatchObject({ proven: 6 });
    expect(await check({ checkpoints: evidence.checkpoints.slice(1, 2) })).toMatchObject({ proven: 6 });
    expect(await check({ checkpoints: [] })).toEqual({ outcome: "unproven", entries: 8 });
  });

  it("finds a cut tail up to the last checkpoint, and cannot find one after it", async () => {
    for (const left of [0, 1, 5])
      expect(await check({ entries: evidence.entries.slice(0, left) })).toMatchObject({
        what: "entry",
        sequence: left + 1,
        fault: "missing",
      });
    expect(await check({ entries: evidence.entries.slice(0, 6) })).toMatchObject({ outcome: "intact" });
  });

  it("finds an edit, an entry taken out, and another tenant's trail", async () => {
    const edited = evidence.entries.map((one) =>
      one.sequence === 2 ? { ...one, entry: { ...one.entry, actor: "user:other" } } : one,
    );
    expect(await check({ entries: edited })).toMatchObject({ sequence: 2, fault: "edited" });
    expect(await check({ entries: evidence.entries.toSpliced(2, 1) })).toMatchObject({ fault: "missing" });
    const foreign = await allEntries(500, world.franz);
    expect(await check({ entries: foreign })).toMatchObject({ outcome: "broken", what: "entry" });
    expect(await check({ entries: foreign, checkpoints: [] })).toMatchObject({ fault: "foreign" });
  });

  it("finds a checkpoint that is missing, forged, or signed by another key", async () => {
    const [first, second, third] = evidence.checkpoints as [string, string, string];
    expect(await check({ checkpoints: [first, third] })).toMatchObject({
      what: "checkpoint",
      sequence: 2,
      fault: "missing",
    });
    const forged = `${second.slice(0, -8)}AAAAAAAA`;
    expect(await check({ checkpoints: [first, forged, third] })).toMatchObject({ fault: "bad_signature" });
    expect(await check({ jwks: { keys: [] } })).toMatchObject({ fault: "unknown_key" });
  });
});

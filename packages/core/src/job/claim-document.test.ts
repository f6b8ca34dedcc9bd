import { randomBytes } from "node:crypto";
import { lapse, query, receive, rowOf } from "@strongroom/local/test-pipeline";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimDocument } from "./claim-document.ts";
import { releaseDocument } from "./release-document.ts";
import type { Doorbell } from "./ring-doorbell.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const received = () => receive(world, world.dora, [randomBytes(50), randomBytes(60)]);
const claim = (bell: Doorbell, worker = "worker:one") => claimDocument(world.ports, bell, worker);
/** The lease's rest is counted in fifteenths of 45 s. */
const restUnitMs = 3_000;

describe("a received document", () => {
  it("goes to the worker that claims it, with its pages in order and a lease of 45 seconds", async () => {
    const bell = await received();
    const claimed = await claim(bell);
    expect(claimed).toMatchObject({
      document: { id: bell.documentId, state: "processing", claims: 0 },
      files: [{ position: 1 }, { position: 2 }],
    });
    const [{ left }] = (await query<{ left: number }>(
      world,
      "select extract(epoch from lease_until - changed_at)::float8 as left from document where id = $1",
      [bell.documentId],
    )) as [{ left: number }];
    expect(left).toBeCloseTo(45, 1);
  });

  it("is noted in the audit trail with worker and token, in the same transaction", async () => {
    const bell = await received();
    const { token } = (await claim(bell, "worker:noted"))!;
    const rows = await query(
      world,
      "select actor, detail from audit where subject = $1 and action = 'document.claimed'",
      [bell.documentId],
    );
    expect(rows).toEqual([
      { actor: "worker:noted", detail: { state: "processing", version: 2, token, claims: 0 } },
    ]);
  });

  it("is not another tenant's to claim", async () => {
    const bell = await received();
    expect(await claim({ ...bell, tenantId: world.franz.tenantId })).toBeNull();
    expect(await rowOf(world, bell)).toMatchObject({ state: "received", lease_token: null });
  });

  it("goes to one of many workers that claim it at once", async () => {
    const bell = await received();
    const claims = await Promise.all(Array.from({ length: 8 }, (_, n) => claim(bell, `worker:${n}`)));
    expect(claims.filter((one) => one !== null)).toHaveLength(1);
    expect(await rowOf(world, bell)).toMatchObject({ claims: 0 });
  });
});

describe("a document that is not to be claimed", () => {
  it("is one that is unknown, still uploading, or settled", async () => {
    expect(await claim({ tenantId: world.dora.tenantId, documentId: newDocumentId() })).toBeNull();
    const settled = await received();
    const { token } = (await claim(settled))!;
    await query(
      world,
      "update document set state = 'stored', lease_until = null where id = $1 and lease_token = $2",
      [settled.documentId, token],
    );
    expect(await claim(settled)).toBeNull();
  });

  it("is one on a live lease, until the database's clock has passed it", async () => {
    const bell = await received();
    await claim(bell);
    expect(await claim(bell, "worker:two")).toBeNull();
    await lapse(world, bell, -1_000);
    expect(await claim(bell, "worker:two")).toBeNull();
    await lapse(world, bell, 0);
    expect(await claim(bell, "worker:two")).not.toBeNull();
  });

  it("is one that was put off, until the time it was put off to", async () => {
    const bell = await received();
    const putOff = (ms: number) =>
      query(
        world,
        "update document set retry_at = clock_timestamp() + $2 * interval '1 millisecond' where id = $1",
        [bell.documentId, ms],
      );
    await putOff(5_000);
    expect(await claim(bell)).toBeNull();
    await putOff(0);
    const claimed = await claim(bell);
    expect(claimed!.document.retry_at).toBeNull();
  });
});

describe("a document whose worker died", () => {
  it("is rescued by the next one under a higher token, and the death is counted", async () => {
    const bell = await received();
    const first = (await claim(bell))!;
    await lapse(world, bell);
    const second = (await claim(bell, "worker:rescuer"))!;
    expect(second.token).toBeGreaterThan(first.token);
    expect(second.document).toMatchObject({ claims: 1, state: "processing", decode_crashes: 0, retries: 0 });
  });

  it.each([
    [0, 0],
    [1, 1],
    [2, 3],
    [5, 31],
    [6, 63],
    [7, 63],
    [100, 63],
  ])(
    "rests after %i deaths for %i fifteenths of a lease before it may kill another",
    async (deaths, units) => {
      const bell = await received();
      await claim(bell);
      await query(world, "update document set claims = $2 where id = $1", [bell.documentId, deaths]);
      if (units > 0) {
        await lapse(world, bell, units * restUnitMs - 1_500);
        expect(await claim(bell)).toBeNull();
      }
      await lapse(world, bell, units * restUnitMs + 1);
      expect((await claim(bell))!.document.claims).toBe(deaths + 1);
    },
  );

  it("is not counted as dead when it gave the document back", async () => {
    const bell = await received();
    const first = (await claim(bell))!;
    await releaseDocument(world.ports, first);
    const second = (await claim(bell))!;
    expect(second.document.claims).toBe(0);
    expect(second.token).toBeGreaterThan(first.token);
  });

  it("loses to one rescuer of many, and the death counts once", async () => {
    const bell = await received();
    await claim(bell);
    await lapse(world, bell);
    const claims = await Promise.all(Array.from({ length: 8 }, (_, n) => claim(bell, `worker:${n}`)));
    expect(claims.filter((one) => one !== null)).toHaveLength(1);
    expect(await rowOf(world, bell)).toMatchObject({ claims: 1 });
  });
});

it("tokens rise over all documents and tenants, claim after claim", async () => {
  const bells = [await received(), await receive(world, world.franz, [randomBytes(10)]), await received()];
  const tokens: number[] = [];
  for (const bell of [...bells, ...bells]) {
    tokens.push((await claim(bell))!.token);
    await lapse(world, bell);
  }
  expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
});

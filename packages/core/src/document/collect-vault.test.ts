import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { lapse, processOnce, query, receive, rowOf, standInRenderer } from "@strongroom/local/test-pipeline";
import { announce, newPage } from "@strongroom/local/test-documents";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { withClient } from "@strongroom/core/database/roles";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KeyRange } from "../ports/objects.ts";
import { checkpointKey } from "../audit/checkpoint-audit.ts";
import { claimDocument } from "../job/claim-document.ts";
import { releaseDocument } from "../job/release-document.ts";
import type { Doorbell } from "../job/ring-doorbell.ts";
import { writeTombstone } from "../retention/tombstone.ts";
import { collectVault } from "./collect-vault.ts";
import { vaultKey } from "./seal-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const graceMs = 20 * 60_000;
const received = () => receive(world, world.dora, [randomBytes(100)]);

/** The collector, run so long after these objects were written, with an eye for them alone. */
async function collectAfter(
  ms: number,
  keys: string[],
  age: "oldest" | "youngest" = "youngest",
  given: Partial<Parameters<typeof collectVault>[0]> = {},
): Promise<number> {
  const there = (await Promise.all(keys.map((key) => world.ports.objects.head(key)))).filter(
    (facts) => facts !== null,
  );
  const times = there.map(({ modifiedAt }) => modifiedAt.getTime());
  const now = new Date((age === "oldest" ? Math.min(...times) : Math.max(...times)) + ms);
  const objects = {
    ...world.ports.objects,
    list: async function* (_prefix: string, { after = "", upTo = "~" }: KeyRange = {}) {
      yield* there.filter(({ key }) => key > after && key <= upTo);
    },
  };
  const clock = { ...world.ports.clock, now: () => now };
  return await collectVault({ ...world.ports, objects, clock, ...given });
}

async function put(key: string): Promise<string> {
  await world.ports.objects.put(key, Readable.from([Buffer.from("x")]), {
    sizeBytes: 1,
    mediaType: "application/octet-stream",
  });
  return key;
}

const keyOf = ({ tenantId, documentId }: Doorbell, attempt: unknown, artefact = "original-1") =>
  vaultKey({ tenantId, documentId, attempt: String(attempt), artefact });
const isThere = async (key: string) => (await world.ports.objects.head(key)) !== null;
const manifest = async ({ documentId }: Doorbell) =>
  (
    await query<{ vault_key: string }>(world, "select vault_key from artefact where document_id = $1", [
      documentId,
    ])
  ).map((row) => row.vault_key);

it("what a zombie sealed is removed once it is older than 20 minutes, and not before; the manifest's objects stay", async () => {
  const bell = await received();
  const zombie = {
    ...world.ports,
    config: { ...world.ports.config, periods: { ...world.ports.config.periods, beat: 60_000 } },
  };
  let rescued = false;
  const renderer = standInRenderer(async () => {
    if (!rescued) {
      rescued = true;
      await lapse(world, bell);
      await processOnce(world.ports, bell, { worker: "worker:rescuer" });
    }
    return await standInRenderer().render("", { tight: false });
  });
  expect(await processOnce(zombie, bell, { renderer })).toBe("lost");
  const [first] = await query<{ detail: { token: number } }>(
    world,
    "select detail from audit where action = 'document.claimed' and subject = $1 order by id",
    [bell.documentId],
  );
  const orphans = ["original-1", "page-1", "thumbnail-1"].map((name) =>
    keyOf(bell, first!.detail.token, name),
  );
  const kept = await manifest(bell);
  expect(await collectAfter(graceMs - 1, [...orphans, ...kept], "oldest")).toBe(0);
  expect(await Promise.all([...orphans, ...kept].map(isThere))).toEqual([true, true, true, true, true, true]);
  expect(await collectAfter(graceMs, [...orphans, ...kept])).toBe(3);
  expect(await Promise.all(orphans.map(isThere))).toEqual([false, false, false]);
  expect(await Promise.all(kept.map(isThere))).toEqual([true, true, true]);
  expect(await collectAfter(graceMs + 1, kept)).toBe(0);
});

it("a look over the whole vault removes nothing that is young", async () => {
  await put(keyOf(await received(), 1));
  expect(await collectVault(world.ports)).toBe(0);
});

it("what a live attempt sealed stays, however old; what the attempt before it sealed goes", async () => {
  const bell = await received();
  const dead = (await claimDocument(world.ports, bell, "worker:dead"))!;
  await lapse(world, bell);
  const live = (await claimDocument(world.ports, bell, "worker:live"))!;
  const [orphan, wanted] = [await put(keyOf(bell, dead.token)), await put(keyOf(bell, live.token))];
  await collectAfter(graceMs * 100, [orphan, wanted]);
  expect([await isThere(orphan), await isThere(wanted)]).toEqual([false, true]);
  await releaseDocument(world.ports, live);
  await claimDocument(world.ports, bell, "worker:next");
  await collectAfter(graceMs, [wanted]);
  expect(await isThere(wanted)).toBe(false);
});

it("what is no document's, as checkpoints, stays", async () => {
  const kept = [
    checkpointKey(7),
    "v/ab/not-a-tenant/x/1/original-1",
    "v/ab/deeper/than/any/key/of/an/artefact",
  ];
  for (const key of kept) await put(key);
  expect(await collectAfter(graceMs * 100, kept)).toBe(0);
  expect(await Promise.all(kept.map(isThere))).toEqual([true, true, true]);
});

it("what a restored database does not know stays while a backup may know it, and is told; unless it was erased", async () => {
  const theirs = await receive(world, world.franz, [randomBytes(100)]);
  await processOnce(world.ports, theirs);
  const { tenantId } = world.dora;
  const [forgotten, erased] = [newDocumentId(), newDocumentId()];
  const keys = [
    keyOf({ tenantId, documentId: forgotten }, 1),
    // Another tenant's document of that id is not this one.
    keyOf({ ...theirs, tenantId }, (await rowOf(world, theirs))["lease_token"]),
    keyOf({ tenantId, documentId: erased }, 1),
  ];
  for (const key of keys) await put(key);
  await writeTombstone(world.ports, { tenantId, documentId: erased }, { at: new Date(), by: "user:test" });
  const told: unknown[] = [];
  const log = {
    ...world.ports.log,
    error: (event: string, fields: object = {}) => told.push([event, fields]),
  };
  const twiceBackups = 2 * world.ports.config.backupDays * 24 * 3_600_000;
  expect(await collectAfter(twiceBackups - 1, keys, "oldest", { log })).toBe(1);
  expect(await Promise.all(keys.map(isThere))).toEqual([true, true, false]);
  expect(told).toEqual([["vault.unknown_documents", { objects: 2 }]]);
  expect(await collectAfter(twiceBackups, keys)).toBe(2);
  expect(await collectAfter(graceMs * 100, await manifest(theirs))).toBe(0);
});

it.each(["granted", "received", "stored"] as const)(
  "what a later attempt sealed than a restored database knows of stays, while the document is %s in it",
  async (state) => {
    const bell =
      state === "granted"
        ? {
            tenantId: world.dora.tenantId,
            documentId: (await announce(world, world.dora, [newPage()])).document.id,
          }
        : await received();
    if (state === "stored") await processOnce(world.ports, bell);
    const last = Number((await rowOf(world, bell))["lease_token"] ?? 0);
    const [before, later] = [await put(keyOf(bell, last, "stray")), await put(keyOf(bell, last + 1))];
    const told: unknown[] = [];
    const log = {
      ...world.ports.log,
      error: (event: string, fields: object = {}) => told.push([event, fields]),
    };
    expect(await collectAfter(graceMs * 100, [before, later], "youngest", { log })).toBe(1);
    expect([await isThere(before), await isThere(later)]).toEqual([false, true]);
    expect(told).toEqual([["vault.unknown_documents", { objects: 1 }]]);
  },
);

it("one that cannot be removed keeps no other from it, and fails the sweep of the vault at its end", async () => {
  const bell = await received();
  await processOnce(world.ports, bell);
  const [stuck, other] = [await put(keyOf(bell, 0, "a")), await put(keyOf(bell, 0, "b"))];
  const told: string[] = [];
  const log = { ...world.ports.log, error: (event: string) => told.push(event) };
  const objects = {
    ...world.ports.objects,
    list: async function* (prefix: string, range?: KeyRange) {
      for await (const one of world.ports.objects.list(prefix, range))
        if ([stuck, other].includes(one.key)) yield one;
    },
    remove: async (key: string, versionId: string) => {
      if (key === stuck) throw new Error("AccessDenied");
      await world.ports.objects.remove(key, versionId);
    },
  };
  await expect(collectAfter(graceMs, [stuck, other], "youngest", { objects, log })).rejects.toThrow(
    "failed for 1 of them",
  );
  expect([await isThere(stuck), await isThere(other)]).toEqual([true, false]);
  expect(told).toEqual(["vault.collect_failed"]);
});

it("an object whose attempt commits while the collector looks at it is never removed", async () => {
  const bell = await received();
  const { token } = (await claimDocument(world.ports, bell, "worker:slow"))!;
  const key = await put(keyOf(bell, token));
  await withClient(world.database.superuser, async (committing) => {
    await committing.query("begin");
    // Whoever looks at the document now waits for this transaction, whatever was looked at before.
    await committing.query("lock table document in access exclusive mode");
    const collecting = collectAfter(graceMs, [key]);
    await expect
      .poll(
        async () =>
          await query(
            world,
            "select pid from pg_locks where not granted and relation = 'document'::regclass",
          ),
        { interval: 10 },
      )
      .not.toEqual([]);
    await committing.query("update document set state = 'stored', lease_until = null where id = $1", [
      bell.documentId,
    ]);
    await committing.query(
      `insert into artefact (tenant_id, document_id, name, attempt, media_type, size_bytes, sha256, sealed_size_bytes, sealed_sha256, vault_key, version_id)
       values ($1, $2, 'original-1', $3, 'image/jpeg', 1, 'x', 1, 'x', $4, 'x')`,
      [bell.tenantId, bell.documentId, token, key],
    );
    await committing.query("commit");
    await collecting;
  });
  expect(await isThere(key)).toBe(true);
});

/** Sweeps of a vault of these objects, of which one has no time left, `overMs` ago, when it has looked at the first batch. */
function shortSweeps(left: Set<string>, overMs = 0) {
  const hour = 60 * 60_000;
  const { sweepVault: sweepMs } = world.ports.config.periods;
  const [sizeBytes, versionId, modifiedAt] = [1, "1", new Date(0)];
  const sweepAt = async (now: number) => {
    const listed: string[] = [];
    const objects = {
      ...world.ports.objects,
      list: async function* (_prefix: string, { after = "", upTo = "~" }: KeyRange = {}) {
        for (const key of [...left].sort())
          if (key > after && key <= upTo) {
            listed.push(key);
            yield { key, sizeBytes, versionId, modifiedAt };
          }
      },
      remove: async (key: string) => void left.delete(key),
    };
    let asked = 0;
    const clock = {
      ...world.ports.clock,
      now: () => new Date(now),
      monotonicMs: () => asked++ && sweepMs + overMs,
    };
    const told: string[] = [];
    const log = { ...world.ports.log, info: (event: string) => void told.push(event) };
    return { removed: await collectVault({ ...world.ports, objects, clock, log }), listed, told };
  };
  return { hour, sweepAt };
}

const leftOf = ({ tenantId }: TestWorld["dora"], count: number) =>
  Array.from({ length: count }, () => keyOf({ tenantId, documentId: newDocumentId() }, 1));

it("a vault that is too large for one sweep is looked through in parts", async () => {
  const left = new Set(leftOf(world.dora, 1_000));
  const { hour, sweepAt } = shortSweeps(left);
  const seen: number[] = [];
  const begun = Date.UTC(2026, 0, 5);
  for (let sweeps = 0; left.size > 0 && sweeps < 10; sweeps++)
    seen.push((await sweepAt(begun + sweeps * hour)).removed);
  expect(seen[0]).toBe(200);
  expect(left.size).toBe(0);
});

it("a sweep that is over has looked at all that it has listed, of tenants with little as well", async () => {
  const left = new Set([...leftOf(world.franz, 100), ...leftOf(world.dora, 1_000)]);
  const { listed, told } = await shortSweeps(left).sweepAt(Date.UTC(2026, 0, 5));
  expect(told).toEqual(["vault.swept_in_part"]);
  const seen = listed.slice(0, -1); // the last one is where it learns that it is over
  expect(seen.some((key) => key.includes(world.franz.tenantId))).toBe(true);
  expect(seen.filter((key) => left.has(key))).toEqual([]);
});

it("a sweep that is over for half as long again ends, whatever it has listed", async () => {
  const left = new Set([...leftOf(world.franz, 100), ...leftOf(world.dora, 1_000)]);
  const halfMs = world.ports.config.periods.sweepVault / 2;
  const { removed, told } = await shortSweeps(left, halfMs + 1).sweepAt(Date.UTC(2026, 0, 5));
  expect([removed, told]).toEqual([200, ["vault.swept_in_part"]]);
});

it("sweeps begin all over the vault: of 100 in a row no two neighbours are further apart than twice their share", async () => {
  const begins: number[] = [];
  const list = (_prefix: string, { after }: KeyRange = {}) => {
    if (after !== undefined) begins.push(parseInt(after.slice(2, 4), 16));
    return world.ports.objects.list("v/nothing/");
  };
  const objects = { ...world.ports.objects, list };
  for (let sweeps = 0; sweeps < 100; sweeps++) {
    const now = () => new Date(Date.UTC(2026, 0, 5) + sweeps * 60 * 60_000);
    await collectVault({ ...world.ports, objects, clock: { ...world.ports.clock, now } });
  }
  expect(begins).toHaveLength(100);
  begins.sort((one, other) => one - other);
  const gaps = begins.map((begin, at) => (begins[at + 1] ?? begins[0]! + 256) - begin);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(6); // 2 / 100 of 256, and one for rounding
});

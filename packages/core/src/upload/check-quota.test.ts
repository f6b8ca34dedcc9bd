import { announce, asOwner, newPage, setDocument, walkTo } from "@strongroom/local/test-documents";
import { declare, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { editDocument } from "../document/edit-document.ts";
import { showDocument } from "../document/show-document.ts";
import type { Actor } from "../user/user.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

/** Nothing was announced for a day, and the tenant has these quotas. */
async function begin(
  quotas: Partial<Record<"user_documents" | "user_bytes" | "tenant_documents" | "tenant_bytes", number>>,
) {
  await asOwner(
    world,
    "update document set created_at = created_at - interval '25 hours', announced_at = announced_at - interval '25 hours'",
  );
  const columns = Object.entries({
    user_documents: 1_000,
    user_bytes: 1e9,
    tenant_documents: 1_000,
    tenant_bytes: 1e9,
    ...quotas,
  });
  await asOwner(
    world,
    `update tenant set ${columns.map(([name, most]) => `${name}_per_day = ${most}`).join(", ")} where id = $1`,
    [world.dora.tenantId],
  );
}
beforeEach(() => begin({}));

const send = (actor: Actor, sizeBytes = 100) => announce(world, actor, [newPage(sizeBytes)]);
const exceeded = { code: "quota_exceeded", status: 429, retryAfterSeconds: 3_600 };
const startingWith = (words: string) => expect.stringMatching(`^${words}`) as string;
const exceededBy = (who: string, documents: number) => ({
  ...exceeded,
  message: startingWith(`${who} reached the limit of ${documents} documents`),
});

describe("within 24 hours", () => {
  it("a person may announce as many documents as the quota says, and not one more; a colleague still may", async () => {
    await begin({ user_documents: 2 });
    await send(world.dora);
    await send(world.dora);
    await expect(send(world.dora)).rejects.toMatchObject(exceededBy("You have", 2));
    expect(await send(world.emil)).toMatchObject({ created: true });
  });

  it("a company may announce as many documents as its quota says, and not one more, whoever asks", async () => {
    await begin({ tenant_documents: 2 });
    await send(world.dora);
    await send(world.emil);
    for (const actor of [world.dora, world.emil, world.agnes]) {
      await expect(send(actor)).rejects.toMatchObject(exceededBy("Your company has", 2));
    }
    expect(await send(world.franz)).toMatchObject({ created: true });
  });

  it("a person may announce exactly the bytes of the quota, and not one more", async () => {
    await begin({ user_bytes: 1_000 });
    await send(world.dora, 400);
    await expect(send(world.dora, 601)).rejects.toMatchObject(exceeded);
    expect(await send(world.dora, 600)).toMatchObject({ created: true });
    await expect(send(world.dora, 1)).rejects.toMatchObject(exceeded);
  });

  it("a company may announce exactly the bytes of its quota, and not one more", async () => {
    await begin({ tenant_bytes: 1_000 });
    await send(world.dora, 400);
    await expect(send(world.emil, 601)).rejects.toMatchObject(exceeded);
    expect(await send(world.emil, 600)).toMatchObject({ created: true });
  });

  it("documents of more than a day ago no longer count, those of a little less do", async () => {
    await begin({ user_documents: 1 });
    const { document } = await send(world.dora);
    await setDocument(world, document.id, "created_at = clock_timestamp() - interval '23 hours 59 minutes'");
    await expect(send(world.dora)).rejects.toMatchObject(exceeded);
    await setDocument(world, document.id, "created_at = clock_timestamp() - interval '24 hours 1 minute'");
    expect(await send(world.dora)).toMatchObject({ created: true });
  });
});

describe("at the quota", () => {
  it("the same id and request is still answered: it is nothing new", async () => {
    await begin({ user_documents: 1 });
    const page = newPage();
    const { document } = await announce(world, world.dora, [page]);
    expect(await announce(world, world.dora, [page], { id: document.id })).toMatchObject({
      created: false,
      uploads: [{ position: 1 }],
    });
  });

  it("an expired document stays so when it is announced again: a revived grant is a new one", async () => {
    const page = newPage(600);
    const { document } = await announce(world, world.dora, [page]);
    await walkTo(world, document.id, "expired");
    const again = () => announce(world, world.dora, [page], { id: document.id });
    const stateOf = async () => (await showDocument(world.ports, world.dora, document.id)).state;
    for (const quota of [{ user_documents: 0 }, { user_bytes: 599 }]) {
      await begin(quota);
      await expect(again()).rejects.toMatchObject({ ...exceeded, message: startingWith("You have") });
      expect(await stateOf()).toBe("expired");
    }
    for (const quota of [{ tenant_documents: 0 }, { tenant_bytes: 599 }]) {
      await begin(quota);
      await expect(again()).rejects.toMatchObject({ ...exceeded, message: startingWith("Your company has") });
      expect(await stateOf()).toBe("expired");
    }
    await begin({ user_documents: 1, user_bytes: 600, tenant_documents: 1, tenant_bytes: 600 });
    expect(await again()).toMatchObject({ created: false, document: { state: "granted" } });
    expect(await again()).toMatchObject({ created: false, uploads: [{ position: 1 }] }); // alive again: a mere repeat
  });

  it("what is revived counts from then on, however old it is, and as what it has become since", async () => {
    const page = newPage(100);
    const { document } = await announce(world, world.dora, [page]);
    const files = [{ id: document.files[0]!.id }, declare(newPage(500))];
    await editDocument(world.ports, world.dora, { documentId: document.id, ifMatch: null, edit: { files } });
    await walkTo(world, document.id, "expired");
    const again = () => announce(world, world.dora, [page], { id: document.id });
    await begin({ user_bytes: 599 });
    await expect(again()).rejects.toMatchObject(exceeded);
    await begin({ user_documents: 2, user_bytes: 700 });
    await again();
    await expect(send(world.dora, 101)).rejects.toMatchObject(exceeded);
    await send(world.dora, 100);
    await begin({ user_documents: 1 });
    await send(world.dora);
  });

  it("what is revived again and again within a day counts each time", async () => {
    await begin({ user_bytes: 1_000 });
    const page = newPage(400);
    const { document } = await announce(world, world.dora, [page]);
    const again = () => announce(world, world.dora, [page], { id: document.id });
    await walkTo(world, document.id, "expired");
    await again();
    await walkTo(world, document.id, "expired");
    await expect(again()).rejects.toMatchObject(exceeded);
  });

  it("a refused document leaves nothing behind", async () => {
    await begin({ user_documents: 0 });
    const before = await asOwner(world, "select 1 from document");
    await expect(send(world.dora)).rejects.toMatchObject(exceeded);
    expect(await asOwner(world, "select 1 from document")).toHaveLength(before.length);
  });

  it("no pages can be added to a document that was announced small", async () => {
    await begin({ user_bytes: 1_000 });
    const { document } = await announce(world, world.dora, [newPage(100)]);
    const grow = (actor: Actor, sizeBytes: number) =>
      editDocument(world.ports, actor, {
        documentId: document.id,
        ifMatch: null,
        edit: { files: [{ id: document.files[0]!.id }, declare(newPage(sizeBytes))] },
      });
    await expect(grow(world.dora, 901)).rejects.toMatchObject(exceeded);
    await expect(grow(world.agnes, 901)).rejects.toMatchObject(exceeded);
    expect(await grow(world.dora, 900)).toMatchObject({ document: { sizeBytes: 1_000 } });
  });

  it("pages that are exchanged for others count as announced: what was dropped lies in staging for a day", async () => {
    await begin({ user_bytes: 1_000 });
    const { document } = await announce(world, world.dora, [newPage(400)]);
    const exchange = (sizeBytes: number) =>
      editDocument(world.ports, world.dora, {
        documentId: document.id,
        ifMatch: null,
        edit: { files: [declare(newPage(sizeBytes))] },
      });
    expect(await exchange(300)).toMatchObject({ document: { sizeBytes: 300 } });
    await expect(exchange(301)).rejects.toMatchObject(exceeded);
    await exchange(300);
    await expect(send(world.dora, 1)).rejects.toMatchObject(exceeded);
  });

  it("what an older document is given today counts, and what it had does not", async () => {
    await begin({ user_bytes: 1_000 });
    const { document } = await announce(world, world.dora, [newPage(900)]);
    await setDocument(world, document.id, "created_at = clock_timestamp() - interval '25 hours'");
    const files = [{ id: document.files[0]!.id }, declare(newPage(700))];
    await editDocument(world.ports, world.dora, { documentId: document.id, ifMatch: null, edit: { files } });
    await expect(send(world.dora, 301)).rejects.toMatchObject(exceeded);
    expect(await send(world.dora, 300)).toMatchObject({ created: true });
  });

  it("a document can still be made smaller, or told better", async () => {
    const { document } = await announce(world, world.dora, [newPage(500), newPage(500)]);
    await begin({ user_documents: 0, user_bytes: 1 });
    const edit = { files: [{ id: document.files[0]!.id }], note: "one page less" };
    expect(
      await editDocument(world.ports, world.dora, { documentId: document.id, ifMatch: null, edit }),
    ).toMatchObject({ document: { sizeBytes: 500 } });
  });
});

describe("of a company that announces much", () => {
  const key = () => `quota/${world.dora.tenantId}`;
  beforeEach(() => world.ports.cache.delete(key()));

  /** Emil has announced a thousand documents of a hundred bytes today, all but one an hour ago. */
  async function beginWithMany(quotas: Parameters<typeof begin>[0]) {
    await begin({ tenant_documents: 10_000, ...quotas });
    const { document } = await send(world.emil);
    await copy(document.id, 999, "1 hour");
  }
  const copy = (id: string, times: number, age: string) =>
    asOwner(
      world,
      `insert into document select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(),
         'created_at', clock_timestamp() - $3::interval))).*
       from document one, generate_series(1, $2::int) where one.id = $1`,
      [id, times, age],
    );

  it.each([{ tenant_documents: 1_002 }, { tenant_bytes: 100_200 }])(
    "exactly the quota may be announced, and not one more, though a count is kept for a moment: %o",
    async (quotas) => {
      await beginWithMany(quotas);
      await send(world.dora);
      expect(await world.ports.cache.get(key())).not.toBeNull();
      await send(world.dora);
      await expect(send(world.dora)).rejects.toMatchObject(exceeded);
    },
  );

  it("what was counted a moment ago is not counted again, what came since is", async () => {
    await beginWithMany({ tenant_documents: 900 });
    const later = "clock_timestamp() + interval '10 minutes'";
    const counted = { untilMs: Date.now() + 300_000, documents: 898, bytes: 0 };
    await world.ports.cache.set(key(), JSON.stringify(counted), 600_000);
    const [first, second] = [await send(world.dora), await send(world.dora)];
    await setDocument(world, first.document.id, `created_at = ${later}`);
    expect(await send(world.dora)).toMatchObject({ created: true });
    await setDocument(world, second.document.id, `announced_at = ${later}`);
    await expect(send(world.dora)).rejects.toMatchObject(exceeded);
  });

  it("what was stamped before a count and committed after it counts", async () => {
    await beginWithMany({ tenant_documents: 1_903 });
    const { document } = await send(world.dora);
    await copy(document.id, 902, "5 seconds");
    await expect(send(world.dora)).rejects.toMatchObject(exceeded);
  });

  it("what another release kept is no reason to fail", async () => {
    await beginWithMany({});
    await world.ports.cache.set(key(), JSON.stringify({ untilMs: 1, documents: 1, pages: 1 }), 60_000);
    expect(await send(world.dora)).toMatchObject({ created: true });
  });

  it("what a person has announced is counted each time", async () => {
    await beginWithMany({ user_documents: 1_002 });
    await send(world.emil);
    await send(world.emil);
    await expect(send(world.emil)).rejects.toMatchObject(exceededBy("You have", 1_002));
  });

  it("a count is kept for the configured moment, and of small companies not at all", async () => {
    await send(world.dora);
    expect(await world.ports.cache.get(key())).toBeNull();
    await beginWithMany({});
    const { config } = world.ports;
    const ports = { ...world.ports, config: { ...config, periods: { ...config.periods, quotaCache: 0 } } };
    await announce({ ...world, ports }, world.dora, [newPage(100)]);
    expect(await world.ports.cache.get(key())).toBeNull();
    await send(world.dora);
    expect(await world.ports.cache.get(key())).not.toBeNull();
  });
});

import {
  asOwner,
  announce,
  declareInParts,
  newPage,
  collect,
  walkTo,
} from "@strongroom/local/test-documents";
import { pdf, processOnce, query, receive, standInRenderer } from "@strongroom/local/test-pipeline";
import { newDocumentId, putAll, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { seededPeople } from "@strongroom/local/seed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256Hex } from "../digest.ts";
import { Readable } from "node:stream";
import { canMove, documentStates } from "../document/document.ts";
import { issueTicket } from "../document/issue-ticket.ts";
import { showDocument } from "../document/show-document.ts";
import { issueReceipt } from "../receipt/issue-receipt.ts";
import { receiptKeys } from "../receipt/receipt-keys.ts";
import { acceptUpload } from "../upload/accept-upload.ts";
import { claimDocument } from "../job/claim-document.ts";
import { verifyCertificate } from "./certificate.ts";
import { clearErased } from "./clear-erased.ts";
import { eraseDocument } from "./erase-document.ts";
import { finishErasures } from "./finish-erasures.ts";
import { holdDocument } from "./hold-document.ts";
import { replayTombstones } from "./replay-tombstones.ts";
import { tombstoneKey } from "./tombstone.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const hans = () => {
  const { tenantId, userId, role } = seededPeople.find(({ name }) => name === "Hans Gruber")!;
  return { tenantId, userId, role };
};
const text = "the words of a page";

/** A stored document with a text, a receipt, and its pages still in staging. */
async function stored(bytes = newPage()) {
  const bell = await receive(world, world.dora, [bytes]);
  await processOnce(world.ports, bell, { renderer: standInRenderer(() => pdf(1, [text])) });
  await issueReceipt(world.ports, bell.tenantId, bell.documentId);
  return bell.documentId;
}

const erase = (id: string) => eraseDocument(world.ports, world.arne, id);
const keyOf = (id: string) => tombstoneKey({ tenantId: world.dora.tenantId, documentId: id });
const setHold = (id: string) =>
  holdDocument(world.ports, world.arne, {
    documentId: id,
    ifMatch: null,
    hold: { held: true, reason: "claim" },
  });
/** What the reconciler does when enough time has passed for every caller to be gone. */
const finishAll = () => {
  const { config } = world.ports;
  const periods = { ...config.periods, silence: -60_000 };
  return finishErasures({ ...world.ports, config: { ...config, periods } });
};
const stateOf = async (id: string) =>
  (await asOwner<{ state: string }>(world, "select state from document where id = $1", [id]))[0]!.state;
const lying = async (id: string) =>
  (await Promise.all(["s/", "v/"].map((area) => collect(world.ports.objects.list(area)))))
    .flat()
    .filter(({ key }) => key.includes(id));
const actionsOf = async (id: string) =>
  (
    await asOwner<{ action: string }>(world, "select action from audit where subject = $1 order by id", [id])
  ).map(({ action }) => action);
const claimsOf = async (jws: string) => {
  const check = await verifyCertificate(jws, await receiptKeys(world.ports));
  if (check.outcome === "invalid") throw new Error(check.reason);
  return check.claims;
};

/** Ports whose object store fails, once, at the first call that `when` names; all before it is done. */
function dyingAt(when: (method: string, key: string) => boolean) {
  const trap =
    (method: "put" | "remove" | "list") =>
    (...args: never[]) => {
      if (when(method, String(args[0]))) throw new Error("killed");
      return (world.ports.objects[method] as (...all: never[]) => never)(...args);
    };
  const objects = { ...world.ports.objects, put: trap("put"), remove: trap("remove"), list: trap("list") };
  return { ...world.ports, objects: objects as typeof world.ports.objects };
}

describe("an erased document", () => {
  it("has no key, text, name, word, receipt, staged or sealed byte left", async () => {
    const id = await stored();
    await asOwner(world, "update document set note = 'for M.', load_number = 'M-1' where id = $1", [id]);
    expect((await lying(id)).length).toBeGreaterThan(2);
    await erase(id);
    for (const table of ["document_key", "page_text", "artefact", "receipt"])
      expect(await asOwner(world, `select 1 from ${table} where document_id = $1`, [id]), table).toEqual([]);
    const [row] = await asOwner(
      world,
      "select state, note, load_number, detail, legibility from document where id = $1",
      [id],
    );
    expect(row).toEqual({ state: "erased", note: null, load_number: null, detail: null, legibility: null });
    expect(await asOwner(world, "select name from document_file where document_id = $1", [id])).toEqual([
      { name: "" },
    ]);
    expect(await lying(id)).toEqual([]);
  });

  it.each([
    ["is not there for its driver", "dora", { code: "not_found", status: 404 }],
    [
      "is told as erased to an agent",
      "agnes",
      { code: "erased", status: 410, details: { erasedAt: expect.stringMatching(/^20.*Z$/) } },
    ],
    ["is told as erased to an admin", "arne", { code: "erased", status: 410 }],
  ] as const)("%s", async (_what, who, refusal) => {
    const id = await stored();
    await erase(id);
    await expect(showDocument(world.ports, world[who], id)).rejects.toMatchObject(refusal);
    const ticket = issueTicket(world.ports, world[who], { documentId: id, artefact: "original-1" });
    await expect(ticket).rejects.toMatchObject(refusal);
  });

  it("leaves a line in the audit and one event without a gap", async () => {
    const id = await stored();
    await erase(id);
    expect((await actionsOf(id)).at(-1)).toBe("document.erased");
    const events = await asOwner<{ type: string; version: number; data: unknown }>(
      world,
      "select type, version, data from outbox where document_id = $1 order by id",
      [id],
    );
    expect(events.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
    expect(events.at(-1)).toMatchObject({
      type: "document.erased",
      data: { requestedBy: `user:${world.arne.userId}` },
    });
  });

  it("is certified: what it was, who asked, when, and the day on which its last backup is gone", async () => {
    const bytes = newPage();
    const id = await stored(bytes);
    const [receipt] = await asOwner<{ jws: string }>(
      world,
      "select jws from receipt where document_id = $1",
      [id],
    );
    const [key] = await asOwner<{ root_key_id: string }>(
      world,
      "select root_key_id from document_key limit 1",
    );
    const claims = await claimsOf(await erase(id));
    const [entry] = await asOwner<{ entry_id: string; at: Date }>(
      world,
      "select entry_id, at from audit where subject = $1 and action = 'document.erased'",
      [id],
    );
    expect(claims).toEqual({
      iss: world.config.publicUrl,
      iat: Math.floor(entry!.at.getTime() / 1000),
      tenant: world.dora.tenantId,
      document: id,
      erasedAt: entry!.at.toISOString(),
      erasedBy: `user:${world.arne.userId}`,
      originals: [{ position: 1, sha256: sha256Hex(bytes), sizeBytes: bytes.length }],
      keyId: key!.root_key_id,
      receiptSha256: sha256Hex(receipt!.jws),
      auditEntry: entry!.entry_id,
      backupsExpireOn: new Date(entry!.at.getTime() + 35 * 86_400_000).toISOString().slice(0, 10),
    });
  });

  it("is certified once: asked again, by many at once, with the same words", async () => {
    const id = await stored();
    const first = await Promise.all([1, 2, 3].map(() => erase(id)));
    expect(new Set([...first, await erase(id)]).size).toBe(1);
    expect((await actionsOf(id)).filter((action) => action === "document.erased")).toHaveLength(1);
  });

  it("gets no receipt from a relay that was just signing one", async () => {
    const bell = await receive(world, world.dora, [newPage()]);
    await processOnce(world.ports, bell);
    const keys = {
      ...world.ports.keys,
      sign: async (bytes: Uint8Array) => {
        await erase(bell.documentId);
        return await world.ports.keys.sign(bytes);
      },
    };
    await issueReceipt({ ...world.ports, keys }, bell.tenantId, bell.documentId);
    expect(await asOwner(world, "select 1 from receipt where document_id = $1", [bell.documentId])).toEqual(
      [],
    );
  });
});

describe("erasing", () => {
  const others = documentStates.filter((state) => canMove(state, "erased"));
  it.each(others)("a document that is %s erases it", async (state) => {
    const { document } = await announce(world, world.dora, [newPage()]);
    await walkTo(world, document.id, state);
    await erase(document.id);
    expect(await stateOf(document.id)).toBe("erased");
  });

  it("an unknown document, or another tenant's, is not found", async () => {
    const id = await stored();
    await expect(erase(newDocumentId())).rejects.toMatchObject({ code: "not_found", status: 404 });
    await expect(eraseDocument(world.ports, hans(), id)).rejects.toMatchObject({ code: "not_found" });
    expect(await stateOf(id)).toBe("stored");
  });

  it("takes pages on their way with it: parts that were never joined, and what a URL signed before brings later", async () => {
    const bytes = newPage(16 * 1024 * 1024 + 1);
    const page = newPage();
    const files = [declareInParts(bytes), { ...declareInParts(page), parts: undefined }].map(
      ({ parts, ...file }) => ({ ...file, ...(parts && { parts }) }),
    );
    const { document, uploads } = await acceptUpload(world.ports, world.dora, {
      id: newDocumentId(),
      kind: "cmr",
      files,
    });
    await putAll(
      uploads.slice(0, 1).map((upload) => ({ ...upload, requests: upload.requests.slice(1) })),
      [bytes],
    );
    await erase(document.id);
    expect(
      await collect(world.ports.objects.listUploads(`s/${world.dora.tenantId}/${document.id}/`)),
    ).toEqual([]);
    expect(await putAll(uploads.slice(1), [bytes, page])).toEqual([200]);
    expect(await lying(document.id)).toHaveLength(1);
    await clearErased(world.ports);
    expect(await lying(document.id)).toEqual([]);
  });
});

describe("an erasure that dies", () => {
  it("before it was noted was never begun", async () => {
    const id = await stored();
    const withTenant = () => Promise.reject(new Error("killed"));
    const dying = { ...world.ports, database: { ...world.ports.database, withTenant } };
    await expect(eraseDocument(dying, world.arne, id)).rejects.toThrow("killed");
    expect([await replayTombstones(world.ports), await finishAll()]).toEqual([0, 0]);
    expect(await setHold(id)).toMatchObject({ legalHold: true, state: "stored" });
  });

  /** Noted, and killed before its tombstone. */
  async function begun(): Promise<string> {
    const id = await stored();
    const dying = dyingAt((method, key) => method === "put" && key.endsWith("/tombstone"));
    await expect(eraseDocument(dying, world.arne, id)).rejects.toThrow("killed");
    expect(await stateOf(id)).toBe("stored");
    expect(await replayTombstones(world.ports)).toBe(0);
    return id;
  }

  it("before its tombstone is finished by the reconciler, in a minute; a hold comes too late", async () => {
    const id = await begun();
    await expect(setHold(id)).rejects.toMatchObject({ code: "being_erased", status: 409 });
    expect(await finishErasures(world.ports)).toBe(0); // its caller may be at it still
    await asOwner(world, "update document set erasing_at = erasing_at - interval '1 minute' where id = $1", [
      id,
    ]);
    expect(await finishErasures(world.ports)).toBe(1);
    expect([await stateOf(id), await lying(id)]).toEqual(["erased", []]);
    expect(await world.ports.objects.head(keyOf(id))).not.toBeNull();
    expect((await claimsOf(await erase(id))).erasedBy).toBe(`user:${world.arne.userId}`);
    expect(await finishAll()).toBe(0);
  });

  it("before its tombstone is finished by a repeated call, though a worker has the document by now", async () => {
    const { documentId: id, tenantId } = await receive(world, world.dora, [newPage()]);
    const dying = dyingAt((method, key) => method === "put" && key.endsWith("/tombstone"));
    await expect(eraseDocument(dying, world.arne, id)).rejects.toThrow("killed");
    await claimDocument(world.ports, { tenantId, documentId: id }, "worker:test");
    await erase(id);
    expect((await actionsOf(id)).slice(-2)).toEqual(["document.withdrawn", "document.erased"]);
  });

  it("before its tombstone is called off by a hold that a release before this one has confirmed", async () => {
    const ids = [await begun(), await begun()];
    for (const id of ids) await asOwner(world, "update document set legal_hold = true where id = $1", [id]);
    await expect(erase(ids[0]!)).rejects.toMatchObject({ code: "held" });
    expect(await finishAll()).toBe(0);
    for (const id of ids) {
      expect([await stateOf(id), await world.ports.objects.head(keyOf(id))]).toEqual(["stored", null]);
      await asOwner(world, "update document set legal_hold = false where id = $1", [id]);
    }
    expect(await finishAll()).toBe(0);
    expect(await setHold(ids[0]!)).toMatchObject({ legalHold: true });
  });

  it("while its tombstone is on its way, and its lock has ended, lets no hold in", async () => {
    const id = await stored();
    const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const put: typeof world.ports.objects.put = async (key, ...rest) => {
      if (key === keyOf(id)) {
        reached.resolve();
        await goOn.promise;
      }
      return await world.ports.objects.put(key, ...rest);
    };
    const erasing = eraseDocument(
      { ...world.ports, objects: { ...world.ports.objects, put } },
      world.arne,
      id,
    );
    const outcome = erasing.then(
      () => "erased",
      () => "failed",
    );
    await reached.promise;
    // As idle_in_transaction_session_timeout and a fail-over do.
    await query(
      world,
      "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()",
    );
    await expect(setHold(id)).rejects.toMatchObject({ code: "being_erased" });
    goOn.resolve();
    expect(await outcome).toBe("failed");
    expect(await replayTombstones(world.ports)).toBe(1);
    expect(await stateOf(id)).toBe("erased");
  });

  it("after its tombstone is finished by the replay, whatever became of the document; a hold comes too late", async () => {
    const { documentId: id, tenantId } = await receive(world, world.dora, [newPage()]);
    const read = () => Promise.reject(new Error("killed"));
    const dying = { ...world.ports, objects: { ...world.ports.objects, read } };
    await expect(eraseDocument(dying, world.arne, id)).rejects.toThrow("killed");
    expect(await stateOf(id)).toBe("received");
    await expect(setHold(id)).rejects.toMatchObject({ code: "being_erased", status: 409 });
    // Also by a release before this one, which leaves no other sign of it.
    await asOwner(world, "update document set erasing_at = null where id = $1", [id]);
    await expect(setHold(id)).rejects.toMatchObject({ code: "being_erased", status: 409 });
    await claimDocument(world.ports, { tenantId, documentId: id }, "worker:test");
    expect(await replayTombstones(world.ports)).toBe(1);
    expect(await stateOf(id)).toBe("erased");
    expect(await lying(id)).toEqual([]);
    expect((await actionsOf(id)).slice(-2)).toEqual(["document.withdrawn", "document.erased"]);
    expect((await claimsOf(await erase(id))).erasedBy).toBe(`user:${world.arne.userId}`);
    expect(await replayTombstones(world.ports)).toBe(0);
  });

  it.each([
    ["before the bytes went", (method: string) => method === "list"],
    ["while the bytes went", (method: string) => method === "remove"],
    [
      "before its certificate",
      (method: string, key: string) => method === "put" && key.endsWith("/certificate"),
    ],
  ])("after its commit, %s, is finished by the next call, or by the reconciler", async (_when, when) => {
    const [again, left] = [await stored(), await stored()];
    for (const id of [again, left])
      await expect(eraseDocument(dyingAt(when), world.arne, id)).rejects.toThrow("killed");
    expect(await stateOf(again)).toBe("erased");
    expect((await claimsOf(await erase(again))).document).toBe(again);
    expect(await lying(again)).toEqual([]);
    await clearErased(world.ports);
    expect(await lying(left)).toEqual([]);
  });

  it("says nothing of a store that keeps what it was told to remove", async () => {
    const id = await stored();
    const objects = { ...world.ports.objects, remove: async () => {} };
    await expect(eraseDocument({ ...world.ports, objects }, world.arne, id)).rejects.toThrow("keeps what");
  });
});

describe("one that cannot be erased keeps no other from it", () => {
  const writeUnder = async (id: string, content: string) => {
    const facts = { sizeBytes: content.length, mediaType: "application/json" };
    await world.ports.objects.put(keyOf(id), Readable.from([Buffer.from(content)]), facts);
  };
  /** Ports that say so when an object of this document is to go, and what they tell. */
  const refusing = (id: string) => {
    const told: unknown[] = [];
    const remove: typeof world.ports.objects.remove = async (key, versionId) => {
      if (key.includes(id)) throw new Error("AccessDenied");
      await world.ports.objects.remove(key, versionId);
    };
    const error = (event: string, fields: object = {}) => told.push([event, fields]);
    const ports = {
      ...world.ports,
      objects: { ...world.ports.objects, remove },
      log: { ...world.ports.log, error },
    };
    return { ports, told };
  };

  it("when its tombstone cannot be read: the replay goes through all, and fails at its end", async () => {
    // In the order of the list: the broken one comes first.
    const ids = [await stored(), await stored()].toSorted();
    const [broken, whole] = [ids[0]!, ids[1]!];
    const at = new Date().toISOString();
    await writeUnder(broken, "{}");
    await writeUnder(
      whole,
      JSON.stringify({ tenant: world.dora.tenantId, document: whole, at, by: "user:x" }),
    );
    const { ports, told } = refusing("none");
    await expect(replayTombstones(ports)).rejects.toMatchObject({
      message: "failed for 1 of them",
      cause: { name: "DamagedObject", key: `t/${world.dora.tenantId}/${broken}/tombstone` },
    });
    expect([await stateOf(broken), await stateOf(whole)]).toEqual(["stored", "erased"]);
    expect(told).toEqual([["tombstone.replay_failed", expect.objectContaining({ documentId: broken })]]);
    await asOwner(world, "update document set state = 'erased' where id = $1", [broken]);
  });

  it("when its bytes do not go: the reconciler clears all others, and its step fails", async () => {
    const [stuck, other] = [await stored(), await stored()];
    for (const id of [stuck, other])
      await expect(
        eraseDocument(
          dyingAt((method) => method === "list"),
          world.arne,
          id,
        ),
      ).rejects.toThrow("killed");
    const { ports, told } = refusing(stuck);
    await expect(clearErased(ports)).rejects.toThrow("failed for 1 of them");
    expect([(await lying(stuck)).length > 0, await lying(other)]).toEqual([true, []]);
    expect(told).toEqual([["erased.clear_failed", expect.objectContaining({ documentId: stuck })]]);
  });

  it("but a store that is away ends the step at once", async () => {
    const ids = [await stored(), await stored()];
    const away = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    for (const id of ids)
      await expect(
        eraseDocument(
          dyingAt((method) => method === "list"),
          world.arne,
          id,
        ),
      ).rejects.toThrow();
    const { ports, told } = refusing("none");
    const remove = () => Promise.reject(away);
    await expect(clearErased({ ...ports, objects: { ...ports.objects, remove } })).rejects.toBe(away);
    expect(told).toEqual([]);
  });
});

describe("the watch on what was erased", () => {
  it("lasts for twenty minutes, longer than any URL signed before", async () => {
    const id = await stored();
    await erase(id);
    const clearedAt = async () =>
      (
        await asOwner<{ at: Date | null }>(
          world,
          "select staging_cleared_at as at from document where id = $1",
          [id],
        )
      )[0]!.at;
    const settle = (ago: string) =>
      asOwner(world, `update document set settled_at = clock_timestamp() - interval '${ago}' where id = $1`, [
        id,
      ]);
    await settle("19 minutes 55 seconds");
    await clearErased(world.ports);
    expect(await clearedAt()).toBeNull();
    await settle("20 minutes 5 seconds");
    expect(await clearErased(world.ports)).toBe(1);
    expect(await clearedAt()).not.toBeNull();
    expect(await clearErased(world.ports)).toBe(0);
  });
});

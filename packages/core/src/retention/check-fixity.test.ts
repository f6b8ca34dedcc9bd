import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { processOnce, query, receive, rowOf } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Doorbell } from "../job/ring-doorbell.ts";
import type { Ports } from "../ports/ports.ts";
import { checkFixity, oldestFixityMs } from "./check-fixity.ts";

let world: TestWorld;
let errors: { event: string; fields: Record<string, unknown> }[];
let ports: Ports;
beforeEach(async () => {
  world = await testWorld();
  errors = [];
  ports = {
    ...world.ports,
    log: {
      info: () => {},
      warn: () => {},
      error: (event, fields = {}) => void errors.push({ event, fields: fields as Record<string, unknown> }),
    },
  };
});
afterEach(() => world.close());

const day = 24 * 3_600_000;
async function stored(): Promise<Doorbell> {
  const bell = await receive(world, world.dora, [randomBytes(400_000)]);
  expect(await processOnce(world.ports, bell)).toBe("stored");
  return bell;
}
/** As if the document had been stored, and perhaps checked, so long ago. */
const age = (bell: Doorbell, days: number, column = "settled_at") =>
  query(
    world,
    `update document set rung_at = null, ${column} = clock_timestamp() - $2 * interval '1 day' where id = $1`,
    [bell.documentId, days],
  );
const round = (atMost = 10, given: Partial<Ports> = {}) => checkFixity({ ...ports, ...given }, { atMost });
const original = async (bell: Doorbell) =>
  (
    await query<{ vault_key: string }>(
      world,
      "select vault_key from artefact where document_id = $1 and name = 'original-1'",
      [bell.documentId],
    )
  )[0]!.vault_key;
/** Changes the file in which the embedded store keeps the sealed original. */
async function damage(bell: Doorbell, change: (file: Buffer) => Buffer | null): Promise<void> {
  const path = join(world.directory, "objects", "vault", `${(await original(bell)).slice("v/".length)}@`);
  const changed = change(await readFile(path));
  await rm(path);
  if (changed) await writeFile(path, changed);
}
/** The sealed bytes come first in the file, what the store knows of them last. */
const flip = (at: number) => (file: Buffer) => {
  file[at]! ^= 1;
  return file;
};
const notes = (bell: Doorbell) =>
  query<{ detail: object }>(
    world,
    "select actor, detail from audit where subject = $1 and action = 'document.fixity_failed' order by id",
    [bell.documentId],
  );

const state = async (bell: Doorbell) => {
  const { fixity_checked_at: at, fixity_fault: fault, ...rest } = await rowOf(world, bell);
  return { at: at as Date | null, fault, rest };
};

describe("a document whose objects are as they were sealed", () => {
  it("is found intact, every artefact of it, and stays as it is but for the date of the check", async () => {
    const bell = await stored();
    const before = await state(bell);
    await age(bell, 91);
    const aged = await state(bell);
    const read: string[] = [];
    const objects = { ...ports.objects, read: (key: string) => (read.push(key), ports.objects.read(key)) };
    expect(await round(10, { objects })).toEqual(["intact"]);
    const keys = await query<{ vault_key: string }>(world, "select vault_key from artefact order by name");
    expect(read).toEqual(keys.map(({ vault_key }) => vault_key));
    expect(read.length).toBeGreaterThan(1);
    const after = await state(bell);
    expect(before.at).toBeNull();
    expect(after).toEqual({ at: expect.any(Date), fault: null, rest: aged.rest });
    expect([await notes(bell), errors]).toEqual([[], []]);
  });

  it("is checked once in 90 days: not a day before, and not again before they are over", async () => {
    const bell = await stored();
    await age(bell, 89.9);
    expect(await round()).toEqual([]);
    await age(bell, 90.1);
    expect(await round()).toEqual(["intact"]);
    expect(await round()).toEqual([]);
    await age(bell, 89.9, "fixity_checked_at");
    expect(await round()).toEqual([]);
    await age(bell, 90.1, "fixity_checked_at");
    expect(await round()).toEqual(["intact"]);
  });
});

describe("an object that is not as it was sealed", () => {
  it.each<[string, string, (file: Buffer) => Buffer | null]>([
    ["a flipped bit in its first frame", "sha256", flip(2_000)],
    ["a flipped bit near its end", "sha256", flip(395_000)],
    ["a flipped bit in its header", "sha256", flip(60)],
    ["its absence", "missing", () => null],
    [
      "a byte that is missing",
      "unreadable",
      (file) => Buffer.concat([file.subarray(0, 9), file.subarray(10)]),
    ],
    [
      "a byte too many",
      "unreadable",
      (file) => Buffer.concat([file.subarray(0, 9), Buffer.from("x"), file.subarray(9)]),
    ],
    ["a file without its end", "unreadable", (file) => file.subarray(0, 1_000)],
  ])(
    "is found by %s: %s; told in the log and the audit trail, and nothing is repaired",
    async (_what, fault, change) => {
      const bell = await stored();
      await age(bell, 91);
      const before = await state(bell);
      await damage(bell, change);
      expect(await round()).toEqual([fault]);
      const told = { attempt: expect.anything(), faults: [{ artefact: "original-1", fault }] };
      expect(await notes(bell)).toEqual([{ actor: "system:opener", detail: told }]);
      expect(errors).toEqual([
        { event: "fixity.failed", fields: expect.objectContaining({ documentId: bell.documentId }) },
      ]);
      expect(await state(bell)).toEqual({ ...before, at: expect.any(Date), fault: `original-1: ${fault}` });
    },
  );

  it("is looked at again after a day, and is well again when somebody has brought it back", async () => {
    const bell = await stored();
    await age(bell, 91);
    const whole: Buffer[] = [];
    await damage(bell, (file) => (whole.push(Buffer.from(file)), flip(2_000)(file)));
    expect(await round()).toEqual(["sha256"]);
    expect(await round()).toEqual([]);
    await age(bell, 1.1, "fixity_checked_at");
    await damage(bell, () => whole[0]!);
    expect(await round()).toEqual(["intact"]);
    expect(await state(bell)).toMatchObject({ fault: null });
  });

  it("but has another length than its row says is found without being read", async () => {
    const bell = await stored();
    await age(bell, 91);
    await query(
      world,
      "update artefact set sealed_size_bytes = sealed_size_bytes + 1 where name = 'original-1'",
    );
    expect(await round()).toEqual(["length"]);
  });

  it("with the right bytes for its row, but sealed to say something else, is found by opening it", async () => {
    const bell = await stored();
    await age(bell, 91);
    await query(world, "update artefact set sha256 = $1 where name = 'original-1'", ["0".repeat(64)]);
    expect(await round()).toEqual(["content"]);
  });
});

describe("a stored document of which rows are gone", () => {
  const drop = (table: string, bell: Doorbell, which = "true") =>
    query(world, `delete from ${table} where document_id = $1 and ${which}`, [bell.documentId]);

  it("its key: is at fault, is told, and keeps no other from its check", async () => {
    const [broken, sound] = [await stored(), await stored()];
    await age(broken, 92);
    await age(sound, 91);
    await drop("document_key", broken);
    expect([await round(1), await round(1), await round(1)]).toEqual([["key"], ["intact"], []]);
    expect(await state(broken)).toMatchObject({
      at: expect.any(Date),
      fault: expect.stringContaining("original-1: key"),
    });
    const faults = expect.arrayContaining([{ artefact: "original-1", fault: "key" }]);
    expect(await notes(broken)).toMatchObject([{ detail: { attempt: null, faults } }]);
    expect(errors).toMatchObject([{ event: "fixity.failed", fields: { documentId: broken.documentId } }]);
  });

  it.each([
    ["that of an original", "name = 'original-2'", ["original-2: missing"]],
    ["all of its artefacts", "true", ["original-1: missing", "original-2: missing"]],
  ])("%s: each page that has no original is at fault", async (_what, which, missing) => {
    const bell = await receive(world, world.dora, [randomBytes(3_000), randomBytes(3_000)]);
    expect(await processOnce(world.ports, bell)).toBe("stored");
    await age(bell, 91);
    await drop("artefact", bell, which);
    expect(await round()).toEqual(["missing"]);
    expect(await state(bell)).toMatchObject({ fault: missing.join(", ") });
  });

  it("its key, which somebody brings back while it is looked at: nothing is said of it", async () => {
    const bell = await stored();
    await age(bell, 91);
    const [key] = await query(world, "select * from document_key where document_id = $1", [bell.documentId]);
    await drop("document_key", bell);
    const withTenant: typeof ports.database.withTenant = async (...args) => {
      const answer = await world.ports.database.withTenant(...args);
      await query(
        world,
        "insert into document_key select (jsonb_populate_record(null::document_key, $1)).* on conflict do nothing",
        [JSON.stringify({ ...key, wrapped: `\\x${(key!["wrapped"] as Buffer).toString("hex")}` })],
      );
      return answer;
    };
    const database = { ...ports.database, withTenant };
    expect(await round(1, { database })).toEqual(["skipped"]);
    expect(await round(1)).toEqual(["intact"]);
  });
});

describe("a data key", () => {
  it("that was wrapped for another document is found: it opens for none but its own", async () => {
    const [one, other] = [await stored(), await stored()];
    for (const bell of [one, other]) await age(bell, 91);
    await query(
      world,
      `update document_key set wrapped = (select wrapped from document_key where document_id = $2) where document_id = $1`,
      [one.documentId, other.documentId],
    );
    expect((await round()).toSorted()).toEqual(["intact", "key"]);
    expect(await state(one)).toMatchObject({ fault: expect.stringContaining("original-1: key") });
    expect(await state(other)).toMatchObject({ fault: null });
  });

  it("that the service refuses or does not answer for says nothing of the document: it stays due", async () => {
    const bell = await stored();
    await age(bell, 91);
    for (const name of ["ThrottlingException", "AccessDeniedException"]) {
      const refusal = Object.assign(new Error("no"), { name, $fault: "client" });
      const keys = { ...ports.keys, openDataKey: () => Promise.reject(refusal) };
      await expect(round(10, { keys })).rejects.toThrow("no");
    }
    expect([await state(bell), errors]).toMatchObject([{ at: null, fault: null }, []]);
  });
});

describe("a fault that is neither the document's nor everybody's", () => {
  it.each([
    ["a root key that is gone", "NotFoundException"],
    ["one of several root keys that is turned off", "DisabledException"],
    ["one that waits for its deletion", "KMSInvalidStateException"],
  ])("is told, says nothing of the document, and keeps no other from its check: %s", async (_what, name) => {
    const [broken, sound] = [await stored(), await stored()];
    await age(broken, 92);
    await age(sound, 91);
    const keys: Ports["keys"] = {
      ...ports.keys,
      openDataKey: (wrapped, context) =>
        Object.values(context).includes(broken.documentId)
          ? Promise.reject(Object.assign(new Error("no such root"), { name, $fault: "client" }))
          : ports.keys.openDataKey(wrapped, context),
    };
    expect([await round(1, { keys }), await round(1, { keys })]).toEqual([["unchecked"], ["intact"]]);
    expect([await state(broken), await notes(broken)]).toMatchObject([{ at: null, fault: null }, []]);
    expect(errors).toMatchObject([
      { event: "fixity.not_checked", fields: { documentId: broken.documentId } },
    ]);
    expect(await round()).toEqual([]);
    await query(
      world,
      "update document set rung_at = clock_timestamp() - interval '25 hours' where id = $1",
      [broken.documentId],
    );
    expect(await round()).toEqual(["intact"]);
  });
});

describe("a store that breaks off", () => {
  const breaking = (times: number): Ports["objects"] => ({
    ...ports.objects,
    read: async (key) => {
      times -= 1;
      if (times < 0) return await ports.objects.read(key);
      return Readable.from(
        (async function* () {
          yield Buffer.from("some");
          throw new Error("cut");
        })(),
      );
    },
  });

  it("once is asked once more before anything is said", async () => {
    await age(await stored(), 91);
    expect(await round(10, { objects: breaking(1) })).toEqual(["intact"]);
  });

  it("twice for one object means that it cannot be read", async () => {
    await age(await stored(), 91);
    expect(await round(10, { objects: breaking(2) })).toEqual(["unreadable"]);
  });

  it("because it is away says nothing of the document", async () => {
    const bell = await stored();
    await age(bell, 91);
    const away = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const objects = { ...ports.objects, head: () => Promise.reject(away) };
    await expect(round(10, { objects })).rejects.toThrow("ECONNREFUSED");
    expect(await state(bell)).toMatchObject({ at: null, fault: null });
  });
});

describe("a round", () => {
  it("takes so many at most, those first that nobody looked at for longest", async () => {
    const bells = [await stored(), await stored(), await stored()];
    await age(bells[0]!, 100);
    await age(bells[1]!, 300);
    await age(bells[2]!, 200);
    expect(Math.floor((await oldestFixityMs(ports))! / day)).toBe(300);
    const checked = async () => (await Promise.all(bells.map(state))).map(({ at }) => at !== null);
    expect(await round(1)).toEqual(["intact"]);
    expect(await checked()).toEqual([false, true, false]);
    expect(await round(1)).toEqual(["intact"]);
    expect(await checked()).toEqual([false, true, true]);
    expect(Math.floor((await oldestFixityMs(ports))! / day)).toBe(100);
  });

  it("says nothing of a document that was erased while it was read", async () => {
    const bell = await stored();
    await age(bell, 91);
    const objects = {
      ...ports.objects,
      head: async () => {
        await query(world, "delete from document_key where document_id = $1", [bell.documentId]);
        await query(world, "update document set state = 'erased' where id = $1", [bell.documentId]);
        return null;
      },
    };
    expect(await round(10, { objects })).toEqual(["skipped"]);
    expect([await state(bell), await notes(bell), errors]).toMatchObject([{ at: null, fault: null }, [], []]);
  });

  it("passes over what is not stored, and finds nothing where nothing is", async () => {
    await receive(world, world.dora, [randomBytes(30)]);
    expect(await round()).toEqual([]);
    expect(await oldestFixityMs(ports)).toBeNull();
  });
});

describe("a round that is told to stop", () => {
  it("breaks off in the middle of an object, and says nothing of its document", async () => {
    const bell = await stored();
    await age(bell, 91);
    const stop = new AbortController();
    const read = async (): Promise<Readable> => new Readable({ read: () => stop.abort(new Error("stop")) });
    const objects = { ...ports.objects, read };
    await expect(checkFixity({ ...ports, objects }, { atMost: 1, signal: stop.signal })).rejects.toThrow(
      "stop",
    );
    expect(await state(bell)).toMatchObject({ at: null, fault: null });
    expect(errors).toEqual([]);
  });

  it("begins no further document", async () => {
    for (const bell of [await stored(), await stored()]) await age(bell, 91);
    const stop = new AbortController();
    const withTenant: typeof ports.database.withTenant = async (...args) => {
      const rows: unknown = await world.ports.database.withTenant(...args);
      if (rows === true) stop.abort(); // what the first document's record answers
      return rows as never;
    };
    const database = { ...ports.database, withTenant };
    expect(await checkFixity({ ...ports, database }, { atMost: 2, signal: stop.signal })).toEqual(["intact"]);
  });
});

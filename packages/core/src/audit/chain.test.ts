import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AuditEntry,
  AuditEntry as AuditEntrySchema,
  chain,
  type ChainedEntry,
  emptyChain,
  link,
  verifyChain,
} from "./chain.ts";

const tenantId = "0197a2b4-0000-7000-8000-000000000001";
const otherTenantId = "0197a2b4-0000-7000-8000-000000000009";

const time = fc
  .date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString());
const entry: fc.Arbitrary<AuditEntry> = fc.record({
  tenantId: fc.constant(tenantId),
  id: fc.uuid(),
  at: time,
  actor: fc.string(),
  action: fc.constantFrom("document.read", "document.stored", "user.disabled"),
  subject: fc.string(),
  detail: fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()) as fc.Arbitrary<
    AuditEntry["detail"]
  >,
});
/** A name that a parsed entry never keeps. */
const hasProto = (value: unknown) => JSON.stringify(value).includes('"__proto__":');

function chained(entries: AuditEntry[]): ChainedEntry[] {
  const rows: ChainedEntry[] = [];
  for (const one of entries) rows.push(chain(headOf(rows), one));
  return rows;
}

const headOf = (rows: ChainedEntry[]) => rows.at(-1) ?? emptyChain;
const checkpointAt = (rows: ChainedEntry[], sequence: number) => ({
  sequence,
  hash: rows[sequence - 1]!.hash,
});

/** A chain of 2 to 12 entries and a place in it. */
const chainAndPlace = fc.array(entry, { minLength: 2, maxLength: 12 }).chain((entries) =>
  fc.record({
    rows: fc.constant(chained(entries)),
    at: fc.nat(entries.length - 1),
    other: entry,
    seed: fc.nat(),
  }),
);

const isBroken = (rows: ChainedEntry[], checkpoint: Parameters<typeof verifyChain>[1] = null) =>
  verifyChain(rows, checkpoint).outcome === "broken";

describe("an untouched chain", () => {
  test("is intact, alone and against every checkpoint ever taken of it", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
        const rows = chained(entries);
        const { sequence, hash } = headOf(rows);
        const intact = { outcome: "intact", head: { sequence, hash } };
        expect(verifyChain(rows)).toEqual(intact);
        for (const row of rows) expect(verifyChain(rows, checkpointAt(rows, row.sequence))).toEqual(intact);
        expect(verifyChain(rows, emptyChain)).toEqual(intact);
      }),
    );
  });

  test("is intact after a journey through JSON, and when rows carry more columns", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
        const rows: ChainedEntry[] = JSON.parse(JSON.stringify(chained(entries)));
        const wider = rows.map((row) => ({ ...row, entry: { ...row.entry, shard: 3 } }));
        expect(verifyChain(wider).outcome).toBe("intact");
      }),
    );
  });

  test("has hashes that anybody can compute from the description", () => {
    const one = {
      tenantId,
      id: tenantId,
      at: "2030-01-01T00:00:00.000Z",
      actor: "a",
      action: "b",
      subject: "c",
      detail: { z: 1, y: [] },
    };
    // From Python: sha256(json.dumps(…, sort_keys=True, separators=(",", ":"))).
    expect(link("0".repeat(64), 1, one)).toBe(
      "becd741610f6991e2bda026f96a01928cd2d2b6066971f608f61406dc2fe4fd3",
    );
  });
});

describe("a chain is found broken", () => {
  test("when any one field of any row is edited", () => {
    const edits: ((row: ChainedEntry, other: AuditEntry) => ChainedEntry)[] = [
      (row) => ({ ...row, hash: flip(row.hash) }),
      (row) => ({ ...row, previousHash: flip(row.previousHash) }),
      (row) => ({ ...row, sequence: row.sequence + 1 }),
      (row) => ({ ...row, sequence: row.sequence - 1 }),
      (row) => ({ ...row, entry: { ...row.entry, tenantId: otherTenantId } }),
      (row) => ({ ...row, entry: { ...row.entry, id: otherTenantId } }),
      (row) => ({
        ...row,
        entry: { ...row.entry, at: new Date(Date.parse(row.entry.at) + 1).toISOString() },
      }),
      (row) => ({ ...row, entry: { ...row.entry, actor: `${row.entry.actor}x` } }),
      (row) => ({ ...row, entry: { ...row.entry, action: `${row.entry.action}x` } }),
      (row) => ({ ...row, entry: { ...row.entry, subject: ` ${row.entry.subject}` } }),
      (row) => ({ ...row, entry: { ...row.entry, detail: { ...row.entry.detail, more: null } } }),
      (row, other) => ({ ...row, entry: { ...other, subject: `${row.entry.subject}!` } }),
    ];
    fc.assert(
      fc.property(chainAndPlace, fc.constantFrom(...edits), ({ rows, at, other }, edit) => {
        expect(isBroken(rows.with(at, edit(rows[at]!, other)))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("when text is moved between two fields of an entry", () => {
    fc.assert(
      fc.property(chainAndPlace, ({ rows, at }) => {
        const row = rows[at]!;
        const moved = { ...row.entry, actor: `${row.entry.actor}${row.entry.action}`, action: "" };
        expect(isBroken(rows.with(at, { ...row, entry: moved }))).toBe(true);
      }),
    );
  });

  test("when a row is deleted, unless it is the last and no checkpoint saw it", () => {
    fc.assert(
      fc.property(chainAndPlace, ({ rows, at }) => {
        const rest = rows.toSpliced(at, 1);
        expect(isBroken(rest)).toBe(at < rows.length - 1);
        expect(isBroken(rest, checkpointAt(rows, rows.length))).toBe(true);
      }),
    );
  });

  test("when rows are deleted and the rest numbered and linked anew, once a checkpoint saw them", () => {
    fc.assert(
      fc.property(chainAndPlace, ({ rows, at }) => {
        const forged = chained(rows.toSpliced(at, 1).map((row) => row.entry));
        expect(isBroken(forged, checkpointAt(rows, rows.length))).toBe(true);
      }),
    );
  });

  test("when two rows change places, with or without their numbers", () => {
    fc.assert(
      fc.property(chainAndPlace, ({ rows, at, seed }) => {
        const to = (at + 1 + (seed % (rows.length - 1))) % rows.length;
        const [one, two] = [rows[at]!, rows[to]!];
        expect(isBroken(rows.with(at, two).with(to, one))).toBe(true);
        fc.pre(one.entry.id !== two.entry.id);
        expect(
          isBroken(rows.with(at, { ...one, entry: two.entry }).with(to, { ...two, entry: one.entry })),
        ).toBe(true);
      }),
    );
  });

  test("when a row is inserted, even linked to the one before it", () => {
    fc.assert(
      fc.property(chainAndPlace, ({ rows, at, other }) => {
        const before = at === 0 ? emptyChain : rows[at - 1]!;
        expect(isBroken(rows.toSpliced(at, 0, chain(before, other)))).toBe(true);
        expect(isBroken(rows.toSpliced(at, 0, rows[at]!))).toBe(true);
      }),
    );
  });

  test("when its tail is cut off before the last checkpoint, and never for entries after it", () => {
    fc.assert(
      fc.property(chainAndPlace, ({ rows, at, seed }) => {
        const checkpoint = checkpointAt(rows, 1 + (seed % rows.length));
        expect(isBroken(rows.slice(0, at), checkpoint)).toBe(at < checkpoint.sequence);
      }),
    );
  });

  test("when everything from an edited entry on is hashed anew, once a checkpoint saw it", () => {
    fc.assert(
      fc.property(chainAndPlace, ({ rows, at, seed }) => {
        const entries = rows.map((row) => row.entry);
        const forged = chained(entries.with(at, { ...entries[at]!, actor: `${entries[at]!.actor}x` }));
        const checkpoint = checkpointAt(rows, 1 + (seed % rows.length));
        expect(isBroken(forged, checkpoint)).toBe(at < checkpoint.sequence);
      }),
    );
  });

  test("at the first place that does not hold, with the reason", () => {
    const [a, b, c] = chained(fc.sample(entry, { numRuns: 3, seed: 1 })) as [
      ChainedEntry,
      ChainedEntry,
      ChainedEntry,
    ];
    const foreign = { ...b, entry: { ...b.entry, tenantId: otherTenantId } };
    const broken = (sequence: number, fault: string) => ({ outcome: "broken", sequence, fault });
    expect(verifyChain([a, c])).toEqual(broken(2, "missing"));
    expect(verifyChain([b, c])).toEqual(broken(1, "missing"));
    expect(verifyChain([a, b, b, c])).toEqual(broken(3, "misplaced"));
    expect(verifyChain([a, foreign, c])).toEqual(broken(2, "foreign"));
    expect(verifyChain([a, { ...b, previousHash: c.hash }, c])).toEqual(broken(2, "unlinked"));
    expect(verifyChain([a, { ...b, entry: c.entry }, c])).toEqual(broken(2, "edited"));
    expect(verifyChain([a, b, c], { sequence: 2, hash: c.hash })).toEqual(broken(2, "rewritten"));
    expect(verifyChain([a, b], { sequence: 3, hash: c.hash })).toEqual(broken(3, "missing"));
    expect(verifyChain([], { sequence: 1, hash: a.hash })).toEqual(broken(1, "missing"));
  });
});

test("an audit entry has a time of milliseconds in UTC and no unknown fields", () => {
  const good = fc.sample(
    entry.filter((one) => !hasProto(one.detail)),
    1,
  )[0]!;
  expect(AuditEntrySchema.parse(good)).toEqual(good);
  for (const at of ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000001Z", "2030-01-01T00:00:00.000+01:00"]) {
    expect(AuditEntrySchema.safeParse({ ...good, at }).success).toBe(false);
  }
  expect(AuditEntrySchema.safeParse({ ...good, extra: 1 }).success).toBe(false);
});

const flip = (hash: string) => (hash.startsWith("0") ? "1" : "0") + hash.slice(1);

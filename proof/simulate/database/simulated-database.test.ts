import { appendAudit } from "@strongroom/core/audit/append-audit";
import type { Tables } from "@strongroom/core/database/tables";
import type { DocumentState } from "@strongroom/core/document/document";
import { DocumentId } from "@strongroom/core/ids";
import { lockContent } from "@strongroom/core/upload/find-duplicate";
import type { Transaction } from "@strongroom/core/ports/database";
import {
  type CompiledQuery,
  PostgresQueryCompiler,
  type RootOperationNode,
  type SelectQueryBuilder,
} from "kysely";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { randomFrom } from "../random.ts";
import { build } from "./build.ts";
import { Builder } from "./builder.ts";
import { commands, type Memory } from "./commands.ts";
import type { Row } from "./rows.ts";
import { dora, openBoth, type Side } from "./two-databases.ts";

let both: Awaited<ReturnType<typeof openBoth>>;
beforeAll(async () => (both = await openBoth()));
afterAll(() => both.close());

const documents = [1, 2, 3].map((number) => DocumentId.parse(`01980000-0000-7000-8000-00000000000${number}`));
const tables = [
  ...[
    "document",
    "document_file",
    "artefact",
    "document_key",
    "page_text",
    "outbox",
    "inbox",
    "inbox_version",
  ],
  ...["audit", "receipt", "device"],
];
/** Numbers of rows burn differently; digests hold times; the search column is PostgreSQL's own. */
const notCompared = new Set(["id of outbox", "id of audit", "previous_hash", "hash", "jws", "search"]);

/** A statement of the simulated database as PostgreSQL would be sent it. */
const textOf = (statement: Builder) =>
  new PostgresQueryCompiler().compileQuery(build(statement, (value) => value) as RootOperationNode, {
    queryId: "",
  }).sql;

/** What a command answered, or how it failed. */
const outcomeOf = (side: Side, work: Promise<unknown>) =>
  side.run(
    work.then(
      (answer) => JSON.stringify(answer) ?? "nothing",
      (error: Error & { code?: string }) => `${error.name} ${error.code ?? error.message}`,
    ),
  );

/** Rows without what may differ: a moment counts in steps of ten minutes from now. */
function comparable(table: string, rows: Row[]): string[] {
  const plain = (value: unknown) => {
    if (value instanceof Date) return `${Math.round((value.getTime() - Date.now()) / 600_000) + 0} × 10 min`;
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  };
  return rows
    .map((row) =>
      Object.entries(row)
        .filter(([column]) => !notCompared.has(column) && !notCompared.has(`${column} of ${table}`))
        .map(([column, value]) => `${column}: ${canonical(plain(value))}`)
        .toSorted()
        .join(", "),
    )
    .toSorted();
}

/** The superuser's client reads bigints as text, and jsonb keeps no order. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : typeof inner === "number"
        ? String(inner)
        : inner,
  );

it(
  "what the use-cases do to the simulated database they do to PostgreSQL, command after command",
  { timeout: 120_000 },
  async () => {
    const random = randomFrom(20_261_121);
    const memory = { real: newMemory(), model: newMemory() };
    const names = Object.keys(commands);
    const done = new Set<string>();
    const compiled = vi.spyOn(PostgresQueryCompiler.prototype, "compileQuery");
    const answered = vi.spyOn(Builder.prototype, "answer");
    onTestFinished(() => [compiled, answered].forEach((spy) => spy.mockRestore()));
    for (let number = 0; number < 160; number++) {
      const [name, documentId, more] = [random.pick(names), random.pick(documents), random.below(70)];
      const [real, model] = await Promise.all(
        (["real", "model"] as const).map((which) => {
          const side = both[which];
          return outcomeOf(side, commands[name]!(side.ports, documentId, memory[which], more));
        }),
      );
      expect(`${number} ${name}: ${model}`).toBe(`${number} ${name}: ${real}`);
      const sent = compiled.mock.results.map(({ value }) => (value as CompiledQuery).sql);
      const told = (answered.mock.contexts as Builder[]).map(textOf);
      for (const spy of [compiled, answered]) spy.mockClear();
      expect(told.toSorted(), `${number} ${name}`).toEqual(sent.toSorted());
      done.add(name);
    }
    expect([...done].toSorted()).toEqual(names.toSorted());
    for (const table of tables) {
      const [real, model] = [await both.real.rows(table), await both.model.rows(table)];
      expect(comparable(table, model), table).toEqual(comparable(table, real));
    }
  },
);

const newMemory = (): Memory => ({ claims: new Map(), version: 0 });

type Work = (tx: Transaction, side: Side) => Promise<unknown>;
type DocumentQuery = SelectQueryBuilder<Tables, "document", { id: string; state: DocumentState }>;
const inbox = (number: number) => ({
  tenant_id: dora.tenantId,
  consumer: "test",
  event_id: `01980000-0000-7000-d000-00000000000${number}`,
});

/** What both transactions do; the number makes it new for each meeting. */
/** Looks at one document under a lock; `changes` it then, since who only keeps it waits for nobody who does. */
const lookAnd =
  (lock: (look: DocumentQuery) => DocumentQuery, changes = false): Work =>
  async (tx, side) => {
    const look = tx.selectFrom("document").select(["id", "state"]).orderBy("id").limit(1);
    const { id, state } = await lock(look).executeTakeFirstOrThrow();
    if (changes) await tx.updateTable("document").set({ load_number: "7" }).where("id", "=", id).execute();
    await appendAudit(side.ports, tx, { actor: "t", action: "t", subject: "t" });
    return state;
  };

const meetings: Record<string, (number: number) => Work> = {
  "an update of one row under a condition": (number) => (tx) =>
    tx
      .updateTable("device")
      .set({ push_token: `taken ${number}` })
      .where("push_token", "<>", `taken ${number}`)
      .returning("push_token")
      .execute(),
  "an insert that gives way to a row that is there": (number) => (tx) =>
    tx
      .insertInto("inbox")
      .values(inbox(number))
      .onConflict((on) => on.doNothing())
      .returning("event_id")
      .execute(),
  "an insert of a key that is taken": (number) => (tx) =>
    tx
      .insertInto("inbox")
      .values(inbox(number))
      .execute()
      .then(() => "inserted"),
  "the lock on a content": () => (tx) =>
    lockContent(tx, { documentId: documents[0]!, sha256: "the same" }).then(() => "locked"),
  "a look for update": () => lookAnd((look) => look.forUpdate()),
  "a look to change": () => lookAnd((look) => look.forNoKeyUpdate()),
  "a look to keep, of whoever changes it then": () => lookAnd((look) => look.forShare(), true),
  "a look to change what another keeps": () => {
    const kept = new Set<Side>();
    return (tx, side) => {
      const isFirst = !kept.has(side);
      kept.add(side);
      return lookAnd((look) => (isFirst ? look.forShare() : look.forNoKeyUpdate()))(tx, side);
    };
  },
};

describe("two transactions that meet", () => {
  const ends = ["commit", "rollback"] as const;
  const cases = Object.keys(meetings).flatMap((what) => ends.map((end) => ({ what, end })));

  it.each(cases.map((one, number) => ({ ...one, number })))(
    "at $what end as in PostgreSQL after a $end of the first",
    async ({ what, end, number }) => {
      const work = meetings[what]!(number);
      const [real, model] = await Promise.all([both.real, both.model].map((side) => meet(side, work, end)));
      expect(model).toEqual(real);
    },
  );
});

/** The second transaction waits while the first one lives; what it answers is told once that is over. */
async function meet(side: Side, work: Work, end: "commit" | "rollback"): Promise<string[]> {
  const gate = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  const transact = (before: () => void, during: () => Promise<void>) =>
    side.ports.database.withTenant(dora.tenantId, async (tx) => {
      const answer = await work(tx, side);
      before();
      await during();
      return answer;
    });
  const one = outcomeOf(
    side,
    transact(first.resolve, async () => {
      await gate.promise;
      if (end === "rollback") throw new Error("rolled back");
    }),
  );
  await first.promise;
  const other = outcomeOf(
    side,
    transact(
      () => {},
      async () => {},
    ),
  );
  await side.blocked();
  gate.resolve();
  return await Promise.all([one, other]);
}

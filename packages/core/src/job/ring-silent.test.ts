import { announce, asOwner, newPage, receive, setDocument, walkTo } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { documentStates } from "../document/document.ts";
import { lockDocument } from "../document/lock-document.ts";
import type { Queue } from "../ports/queue.ts";
import { ringSilent } from "./ring-silent.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
afterEach(async () => {
  await asOwner(
    world,
    "update document set state = 'failed', reason = 'test', lease_until = null where state = 'processing'",
  );
  await asOwner(world, "update document set state = 'erased' where state <> 'erased'");
  await heard();
});

const ago = (interval: string) => `clock_timestamp() - interval '${interval}'`;
const ahead = (interval: string) => `clock_timestamp() + interval '${interval}'`;

/** A received document that was silent for an hour. */
async function silent(columns = "rung_at = rung_at"): Promise<string> {
  const { id } = await receive(world, world.dora, [newPage()]);
  await setDocument(world, id, `rung_at = ${ago("1 hour")}, changed_at = ${ago("1 hour")}`);
  await setDocument(world, id, columns);
  return id;
}

/** Documents that a bell was rung for since the last look. */
async function heard(): Promise<string[]> {
  const messages = await Promise.all(
    (["documents", "late"] as const).map((queue) =>
      world.ports.queue.receive(queue, { max: 10, waitMs: 0, visibilityMs: 3_600_000 }),
    ),
  );
  return messages.flat().map(({ body }) => (JSON.parse(body) as { documentId: string }).documentId);
}

describe("a document that nobody has rung for", () => {
  it("is rung for after a minute, not before, and then left in peace for another", async () => {
    const id = await silent();
    await heard();
    await setDocument(world, id, `rung_at = ${ago("55 seconds")}`);
    expect(await ringSilent(world.ports)).toBe(0);
    await setDocument(world, id, `rung_at = ${ago("61 seconds")}`);
    expect(await ringSilent(world.ports)).toBe(1);
    expect(await heard()).toEqual([id]);
    expect(await ringSilent(world.ports)).toBe(0);
  });

  it("counts from its last change when it was never rung for", async () => {
    const id = await silent("rung_at = null");
    await heard();
    expect(await ringSilent(world.ports)).toBe(1);
    expect(await heard()).toEqual([id]);
  });

  it("is rung for ever more seldom while it has never been claimed, each ten minutes in the end", async () => {
    const id = await silent();
    await heard();
    for (const [received, notBefore, then] of [
      ["5 minutes", "65 seconds", "105 seconds"],
      ["2 hours", "590 seconds", "605 seconds"],
    ] as const) {
      const since = (rung: string) =>
        setDocument(world, id, `rung_at = ${ago(rung)}, received_at = ${ago(received)}`);
      await since(notBefore);
      expect(await ringSilent(world.ports)).toBe(0);
      await since(then);
      expect(await ringSilent(world.ports)).toBe(1);
    }
    await setDocument(world, id, `state = 'processing', rung_at = ${ago("65 seconds")}`);
    expect(await ringSilent(world.ports)).toBe(1);
  });

  it("is rung for before one that was received earlier and rung for later", async () => {
    const [earlier, later] = [await silent(`rung_at = ${ago("2 minutes")}`), await silent()];
    await heard();
    expect(await ringSilent(world.ports, 1)).toBe(1);
    expect(await heard()).toEqual([later]);
    expect(await ringSilent(world.ports, 1)).toBe(1);
    expect(await heard()).toEqual([earlier]);
  });

  it("is rung for five seconds a round, first what was silent the longest, and the rest in the next one", async () => {
    const copied = await silent("rung_at = clock_timestamp() - interval '3 hours'");
    await asOwner(world, "alter table document disable trigger check_first_state");
    await asOwner(
      world,
      `insert into document select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(),
         'confirmation_code', null, 'rung_at', one.rung_at + n * interval '1 ms', 'received_at', one.received_at - n * interval '1 ms'))).*
       from document one, generate_series(1, 59) n where one.id = $1`,
      [copied],
    );
    await asOwner(world, "alter table document enable trigger check_first_state");
    let [nowMs, sent] = [0, 0];
    const send: Queue["send"] = async () => void ((nowMs += 100), (sent += 1));
    const slow = {
      ...world.ports,
      clock: { ...world.ports.clock, monotonicMs: () => nowMs },
      queue: { ...world.ports.queue, send },
    };
    expect(await ringSilent(slow)).toBe(50);
    expect(sent).toBe(50);
    const left = await asOwner(
      world,
      `select from document where state = 'received' and rung_at < ${ago("1 hour")}
         and received_at <= (select received_at from document where id = $1) - interval '50 ms'`,
      [copied],
    );
    expect(left).toHaveLength(10);
    expect(await ringSilent(slow)).toBe(10);
  });

  it("is not waited for while somebody holds its row: others are rung for, and it is in the next round", async () => {
    const [held, free] = [await silent(), await silent()];
    await heard();
    await world.ports.database.withTenant(world.dora.tenantId, async (tx) => {
      await lockDocument(tx, held, "keep").select("id").execute();
      expect(await ringSilent(world.ports)).toBe(1);
    });
    expect(await heard()).toEqual([free]);
    expect(await ringSilent(world.ports)).toBe(1);
    expect(await heard()).toEqual([held]);
  });

  it("is rung for in every tenant", async () => {
    const ids = [await silent(), (await receive(world, world.franz, [newPage()])).id];
    await setDocument(world, ids[1]!, `rung_at = ${ago("2 minutes")}`);
    await heard();
    expect(await ringSilent(world.ports)).toBe(2);
    expect((await heard()).toSorted()).toEqual(ids.toSorted());
  });
});

describe("a document in a worker's hands", () => {
  it("is not rung for while the lease lives, and is once it is past", async () => {
    const id = await silent(`state = 'processing', lease_until = ${ahead("10 seconds")}`);
    expect(await ringSilent(world.ports)).toBe(0);
    await setDocument(world, id, `lease_until = ${ago("1 second")}`);
    expect(await ringSilent(world.ports)).toBe(1);
  });

  it("is not rung for while it rests before its next try, and is after that", async () => {
    const id = await silent(`state = 'processing', retry_at = ${ahead("10 seconds")}`);
    expect(await ringSilent(world.ports)).toBe(0);
    await setDocument(world, id, `retry_at = ${ago("1 second")}`);
    expect(await ringSilent(world.ports)).toBe(1);
  });

  it("is rung for when it was given back", async () => {
    await silent("state = 'processing'");
    expect(await ringSilent(world.ports)).toBe(1);
  });
});

it("documents that no worker can claim are not rung for", async () => {
  for (const state of documentStates.filter((one) => one !== "received" && one !== "processing")) {
    const { document } = await announce(world, world.dora, [newPage()]);
    await walkTo(world, document.id, state);
    await setDocument(world, document.id, `rung_at = ${ago("1 hour")}, changed_at = ${ago("1 hour")}`);
  }
  expect(await ringSilent(world.ports)).toBe(0);
});

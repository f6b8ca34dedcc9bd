import { withClient } from "../database/roles.ts";
import { processOnce } from "@strongroom/local/test-pipeline";
import { asOwner, newPage, receive } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { claimDocument } from "./claim-document.ts";
import { passTurn } from "./pass-turn.ts";
import { Doorbell } from "./ring-doorbell.ts";
import { ringSilent } from "./ring-silent.ts";
import { turnsPerTenant } from "./turn.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());
afterEach(async () => {
  await asOwner(world, "update document set state = 'erased', lease_until = null where state = 'received'");
  while ((await take()) !== null);
});

/** The next bell that a worker hears, in its order: `late` only when `documents` is empty. Null when there is none. */
async function take(): Promise<Doorbell | null> {
  for (const queue of ["documents", "late"] as const) {
    const [message] = await world.ports.queue.receive(queue, { max: 1, waitMs: 0, visibilityMs: 1_000 });
    if (!message) continue;
    await world.ports.queue.acknowledge(queue, message.receipt);
    return Doorbell.parse(JSON.parse(message.body));
  }
  return null;
}

/** Documents in the order in which one worker stores them. */
async function workOff(): Promise<string[]> {
  const stored: string[] = [];
  for (let bell = await take(); bell !== null; bell = await take())
    if ((await processOnce(world.ports, bell)) === "stored") stored.push(bell.documentId);
  return stored;
}

async function send(actor: TestWorld["dora"], documents: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < documents; n += 1) ids.push((await receive(world, actor, [newPage()])).id);
  return ids;
}

/** Documents that are rung for as fresh ones, in order. */
async function rungFresh(): Promise<string[]> {
  const messages = await world.ports.queue.receive("documents", { max: 10, waitMs: 0, visibilityMs: 1_000 });
  for (const { receipt } of messages) await world.ports.queue.acknowledge("documents", receipt);
  return messages.map(({ body }) => Doorbell.parse(JSON.parse(body)).documentId);
}

describe("while one company floods", () => {
  it("another's documents are served in turns with its, and each company's own first come, first served", async () => {
    const flood = await send(world.franz, 6);
    const others = await send(world.dora, 3);
    const order = await workOff();
    expect(order).toHaveLength(9);
    expect(order.filter((id) => flood.includes(id))).toEqual(flood);
    expect(order.filter((id) => others.includes(id))).toEqual(others);
    // behind the one that had its turn before, then one of each in turns
    expect(others.map((id) => order.indexOf(id))).toEqual([1, 3, 5]);
  });

  it("one that comes late in it waits for as little", async () => {
    await send(world.franz, 5);
    for (let n = 0; n < 2; n += 1) await processOnce(world.ports, (await take())!);
    const [late] = await send(world.dora, 1);
    expect((await workOff()).indexOf(late!)).toBe(turnsPerTenant);
  });

  it("bells rung anew for its silent documents leave the others room as well", async () => {
    await send(world.franz, 4);
    while ((await take()) !== null); // all bells are lost
    const [other] = await send(world.dora, 1);
    while ((await take()) !== null);
    await asOwner(world, "update document set rung_at = clock_timestamp() - interval '2 minutes'");
    expect(await ringSilent(world.ports)).toBe(5);
    const order = await workOff();
    expect(order).toHaveLength(5);
    expect(order.indexOf(other!)).toBeLessThanOrEqual(turnsPerTenant);
  });
});

it("a company that is alone is served whether or not its turns are handed on: a bell waits for each document", async () => {
  const ids = await send(world.franz, 6);
  const bells: (Doorbell | null)[] = [];
  for (let n = 0; n < 6; n += 1) bells.push(await take()); // workers that take all before anybody claims
  expect(bells.map((bell) => bell!.documentId)).toEqual(ids);
});

it("turns do not multiply: of two that have one, whoever ends first hands nothing on", async () => {
  const [first, second, third] = await send(world.franz, 3);
  await asOwner(world, "update document set waits_turn = false where id = $1", [second]); // a second turn, by a meeting
  while ((await take()) !== null);
  const bell = (documentId: string) => ({ tenantId: world.franz.tenantId, documentId }) as Doorbell;
  expect(await processOnce(world.ports, bell(first!))).toBe("stored");
  expect(await rungFresh()).toEqual([]);
  expect(await processOnce(world.ports, bell(second!))).toBe("stored");
  expect(await rungFresh()).toEqual([third]);
});

it("a turn whose holder's worker died is another's", async () => {
  const [first, second] = await send(world.franz, 2);
  const claim = await claimDocument(world.ports, (await take())!, "worker:test");
  expect(claim!.document.id).toBe(first);
  while ((await take()) !== null);
  await passTurn(world.ports, world.franz.tenantId);
  expect(await rungFresh()).toEqual([]);
  await asOwner(
    world,
    "update document set lease_until = clock_timestamp() - interval '1 ms' where id = $1",
    [first],
  );
  await passTurn(world.ports, world.franz.tenantId);
  expect(await rungFresh()).toEqual([second]);
  await asOwner(
    world,
    "update document set state = 'failed', reason = 'test', lease_until = null where id = $1",
    [first],
  );
});

describe("a turn whose holder does not use it is another's:", () => {
  const bell = (documentId: string) => ({ tenantId: world.franz.tenantId, documentId }) as Doorbell;
  const settle = (ids: string[]) =>
    asOwner(world, "update document set state = 'erased', lease_until = null where id = any($1)", [ids]);

  it.each([
    ["its bell was lost", "rung_at = clock_timestamp() - interval '61 seconds'"],
    ["it is over-age, and heard in late", "received_at = clock_timestamp() - interval '301 seconds'"],
  ])("%s", async (_why, change) => {
    const [first, second, third] = await send(world.franz, 3);
    while ((await take()) !== null);
    await passTurn(world.ports, world.franz.tenantId);
    expect(await rungFresh()).toEqual([]);
    await asOwner(world, `update document set ${change} where id = $1`, [first]);
    await passTurn(world.ports, world.franz.tenantId);
    await passTurn(world.ports, world.franz.tenantId); // the second one has it now
    expect(await rungFresh()).toEqual([second]);
    await settle([first!, second!, third!]);
  });

  it("the holder is redriven after a while; what is received meanwhile is as fresh as ever", async () => {
    const [old] = await send(world.franz, 1);
    while ((await take()) !== null);
    await asOwner(
      world,
      "update document set received_at = received_at - interval '6 minutes' where id = $1",
      [old],
    );
    const [fresh] = await send(world.franz, 1);
    expect(await rungFresh()).toEqual([fresh]);
    await settle([old!, fresh!]);
  });

  it("nobody has it, as after a crash between commit and handing on: the reconciler's bells bring one back", async () => {
    const [first, second, third] = await send(world.franz, 3);
    while ((await take()) !== null);
    await settle([first!]);
    await asOwner(world, "update document set rung_at = rung_at - interval '61 seconds' where id = $1", [
      second,
    ]);
    expect(await ringSilent(world.ports)).toBe(1);
    expect(await rungFresh()).toEqual([second]);
    expect(await processOnce(world.ports, bell(second!))).toBe("stored");
    expect(await rungFresh()).toEqual([third]);
    await settle([third!]);
  });
});

it("what is tried again stands behind its tenant's others, and in front of nobody else's", async () => {
  const [first, second] = await send(world.franz, 2);
  const [other] = await send(world.dora, 1);
  const keys = { ...world.ports.keys, generateDataKey: () => Promise.reject(new Error("none")) };
  const periods = { ...world.ports.config.periods, retryBase: 0, retryCap: 0 };
  const failing = { ...world.ports, keys, config: { ...world.ports.config, periods } };
  expect(await processOnce(failing, (await take())!)).toBe("retried");
  expect(await rungFresh()).toEqual([other, second]);
  const late: string[] = [];
  for (let next = await take(); next !== null; next = await take()) late.push(next.documentId);
  expect(late).toEqual([second, first]); // its first bell, and the one of the retry
  await asOwner(world, "update document set state = 'failed', reason = 'test' where id = $1", [first]);
  await asOwner(world, "update document set state = 'erased' where id = any($1)", [[second, other]]);
});

describe("one that waits, whose row somebody holds for a moment,", () => {
  /** Passes the turn while the row is held; `held` changes it, or not, and the holder lets go once it was passed over. */
  async function passOver(id: string, held: string): Promise<void> {
    await withClient(world.database.connections.owner, async (client) => {
      await client.query("begin");
      await client.query("select from document where id = $1 for no key update", [id]);
      const lookedAgain = Promise.withResolvers<void>();
      const sleep = async () => {
        await client.query(held, [id]);
        await client.query("commit");
        lookedAgain.resolve();
      };
      const ports = { ...world.ports, clock: { ...world.ports.clock, sleep } };
      await Promise.all([passTurn(ports, world.franz.tenantId), lookedAgain.promise]);
    });
  }

  it("is looked for again, and not passed over", async () => {
    const [first, second] = await send(world.franz, 2);
    expect(await rungFresh()).toEqual([first]);
    await asOwner(world, "update document set state = 'erased' where id = $1", [first]);
    await passOver(second!, "select from document where id = $1");
    expect(await rungFresh()).toEqual([second]);
  });

  it("was given the turn by whoever held it: nobody else has one then", async () => {
    const [first, second] = await send(world.franz, 3);
    expect(await rungFresh()).toEqual([first]);
    await asOwner(world, "update document set state = 'erased' where id = $1", [first]);
    const third = "select from document where id <> $1 and state = 'received' for no key update";
    await withClient(world.database.connections.owner, async (other) => {
      await other.query("begin");
      await other.query(third, [second]);
      await passOver(
        second!,
        "update document set waits_turn = false, rung_at = clock_timestamp() where id = $1",
      );
      await other.query("commit");
    });
    expect(await rungFresh()).toEqual([]);
  });
});

it("a document that was received to wait is given the turn when the one before it ended meanwhile, and not while it is worked on", async () => {
  const [first] = await send(world.franz, 1);
  await claimDocument(world.ports, (await take())!, "worker:test");
  const [second, third] = await send(world.franz, 2);
  expect(await rungFresh()).toEqual([second]);
  await asOwner(world, "update document set waits_turn = true where id = $1", [second]); // neither had seen the other
  await passTurn(world.ports, world.franz.tenantId);
  expect(await rungFresh()).toEqual([]);
  await asOwner(
    world,
    "update document set state = 'failed', reason = 'test', lease_until = null where id = $1",
    [first],
  );
  await passTurn(world.ports, world.franz.tenantId);
  expect(await rungFresh()).toEqual([second]);
  await asOwner(world, "update document set state = 'erased' where id = any($1)", [[second, third]]);
});

it("a document is not left waiting for one that ended while it was being received", async () => {
  const [first] = await send(world.franz, 1);
  expect(await rungFresh()).toEqual([first]);
  const { database } = world.ports;
  const inOneTrip: typeof database.inOneTrip = async (tenantId, work) => {
    const result = await database.inOneTrip(tenantId, work);
    await asOwner(
      world,
      "update document set state = 'erased' where id = $1 and state = 'received' and exists (select from document where state = 'received' and waits_turn)",
      [first],
    );
    return result;
  };
  const second = await receive(
    { ...world, ports: { ...world.ports, database: { ...database, inOneTrip } } },
    world.franz,
    [newPage()],
  );
  expect(await rungFresh()).toEqual([second.id]);
});

it("a document hands its turn on when it is done, once: not when it is tried again, nor one that had none", async () => {
  const [first, second, third] = await send(world.franz, 3);
  const failing = {
    ...world.ports,
    keys: { ...world.ports.keys, generateDataKey: () => Promise.reject(new Error("none")) },
  };
  expect(await rungFresh()).toEqual([first]);
  const bell = (documentId: string) => ({ tenantId: world.franz.tenantId, documentId }) as Doorbell;
  expect(await processOnce(failing, bell(first!))).toBe("retried");
  expect(await rungFresh()).toEqual([second]);
  await asOwner(world, "update document set retry_at = null where id = $1", [first]);
  expect(await processOnce(world.ports, bell(first!))).toBe("stored");
  expect(await rungFresh()).not.toContain(third);
  expect(await processOnce(world.ports, bell(second!))).toBe("stored");
  expect(await rungFresh()).toEqual([third]);
  expect(await processOnce(world.ports, bell(third!))).toBe("stored");
});

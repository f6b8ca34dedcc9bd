import { announce, asOwner, newPage } from "@strongroom/local/test-documents";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Ports } from "../ports/ports.ts";
import { clearErased } from "../retention/clear-erased.ts";
import { finishErasures } from "../retention/finish-erasures.ts";
import { expireGrants, receiveSilent } from "../upload/expire-grants.ts";

let world: TestWorld;
let copied: string;
beforeAll(async () => {
  world = await testWorld();
  copied = (await announce(world, world.dora, [newPage()])).document.id;
  await asOwner(world, "alter table document disable trigger user"); // a document begins as granted
});
afterEach(async () => {
  await asOwner(world, "delete from document_file where document_id <> $1", [copied]);
  await asOwner(world, "delete from document where id <> $1", [copied]);
});
afterAll(() => world.close());

const past = "clock_timestamp() - interval '1 day' + n * interval '1 second'";
/** So many documents, each due for a second less than the one before, with what else makes them due. Answers their ids in that order. */
async function due(times: number, columns: Record<string, string>): Promise<string[]> {
  const ids = Array.from({ length: times }, () => newDocumentId());
  const set = Object.entries({ rung_at: past, ...columns }).map(
    ([column, value]) => `, '${column}', ${value}`,
  );
  await asOwner(
    world,
    `insert into document select (jsonb_populate_record(one, jsonb_build_object('id', new_id${set.join("")}))).*
     from document one, unnest($2::uuid[]) with ordinality of (new_id, n) where one.id = $1`,
    [copied, ids],
  );
  await asOwner(
    world,
    `insert into document_file select (jsonb_populate_record(one, jsonb_build_object('document_id', new_id,
       'staging_key', replace(staging_key, $1::text, new_id::text)))).*
     from document_file one, unnest($2::uuid[]) new_id where one.document_id = $1::uuid`,
    [copied, ids],
  );
  return ids;
}

type Step = (ports: Ports) => Promise<unknown>;
const steps: [string, Step, Record<string, string>, string][] = [
  [
    "clearing what was erased",
    clearErased,
    { state: "'erased'", settled_at: past },
    "staging_cleared_at is not null",
  ],
  ["finishing erasures", finishErasures, { erasing_at: past, erasing_by: "'user:x'" }, "state = 'erased'"],
  ["ending grants", expireGrants, { grant_expires_at: past }, "state = 'expired'"],
  [
    "looking after silent grants",
    receiveSilent,
    { grant_expires_at: `${past} + interval '6 days'` },
    "rung_at > clock_timestamp() - interval '1 minute'",
  ],
];

/** Ports whose store does what `meet` says, before it does anything for a document. */
function meeting(meet: (key: string) => void, given: Partial<Ports> = {}): Ports {
  const { objects, log } = world.ports;
  const trap =
    <Given extends [string, ...never[]], Answer>(method: (...given: Given) => Answer) =>
    (...args: Given): Answer => (meet(args[0]), method(...args));
  return {
    ...world.ports,
    log: { ...log, error: () => {} },
    objects: {
      ...objects,
      put: trap(objects.put as never) as typeof objects.put,
      head: trap(objects.head),
      listUploads: trap(objects.listUploads),
    },
    ...given,
  };
}
const isDone = async (id: string, done: string) =>
  (await asOwner(world, `select 1 from document where id = $1 and ${done}`, [id])).length === 1;

describe.each(steps)("%s", (_name, step, columns, done) => {
  it("goes on past hundreds that fail", async () => {
    const sound = (await due(202, columns)).at(-1)!;
    const ports = meeting((key) => {
      if (!key.includes(sound)) throw new Error("refused");
    });
    await step(ports).catch(() => {});
    expect(await isDone(sound, done)).toBe(true);
  });

  it("takes so long at most, and looks first at those next time that it did not come to", async () => {
    const ids = await due(3, columns);
    let nowMs = 0;
    const met = new Set<string>();
    const clock = { ...world.ports.clock, monotonicMs: () => nowMs };
    const ports = meeting(
      (key) => {
        met.add(ids.find((id) => key.includes(id))!);
        nowMs += 5_000;
        throw new Error("refused");
      },
      { clock },
    );
    for (const round of [1, 2, 3]) {
      await step(ports).catch(() => {});
      expect(met.size).toBe(round);
    }
  });

  it("takes what it looked at long ago before what became due since, though that was never looked at", async () => {
    const [waiting] = await due(1, { rung_at: "clock_timestamp() - interval '30 hours'", ...columns });
    const since = Object.entries(columns).map(([name, value]) => [
      name,
      value.replace(past, "clock_timestamp() - interval '1 hour'"),
    ]);
    await due(2, { rung_at: "null::text", ...Object.fromEntries(since) });
    const met: string[] = [];
    const ports = meeting((key) => {
      met.push(key);
      throw new Error("refused");
    });
    await step(ports).catch(() => {});
    expect(met[0]).toContain(waiting);
  });
});

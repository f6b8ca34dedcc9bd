import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { announce, asOwner, newPage } from "@strongroom/local/test-documents";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { mustWait } from "../job/turn.ts";
import { oldestUnsettled } from "../upload/check-overload.ts";
import { announcedSinceYesterday } from "../upload/check-quota.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await testWorld();
  const { document } = await announce(world, world.dora, [newPage()]);
  await asOwner(
    world,
    `insert into document select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(),
       'created_at', one.created_at - n * interval '1 hour', 'announced_at', one.created_at - n * interval '1 hour'))).*
     from document one, generate_series(25, 3000) n where one.id = $1`,
    [document.id],
  );
  await asOwner(
    world,
    "update document set state = 'received', received_at = created_at, rung_at = created_at where tenant_id = $1 and id <> $2",
    [world.dora.tenantId, document.id],
  );
  await asOwner(world, "analyze document");
});
afterAll(() => world.close());

/** What bounds the searches of a plan. */
const conditionsOf = (plan: unknown) =>
  [...JSON.stringify(plan).matchAll(/"Index Cond":"([^"]*)"/g)].map(([, words]) => words);

it("the quota looks at the documents of a day, not at all that a tenant ever had", async () => {
  const plan = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
    announcedSinceYesterday(tx).select("id").explain("json"),
  );
  for (const column of ["created_at", "announced_at"])
    expect(conditionsOf(plan)).toContainEqual(expect.stringContaining(`(${column} > `));
});

it("whether a document has to wait for its turn is not asked of all that waits over-age before it", async () => {
  const { periods } = world.ports.config;
  const plan = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
    tx
      .selectFrom("tenant")
      .select(() => mustWait(tx, periods).as("waits"))
      .explain("json"),
  );
  expect(conditionsOf(plan)).toContainEqual(expect.stringContaining("(received_at > "));
});

it("the document of all tenants that waits longest is the first entry of an index", async () => {
  const plan = JSON.stringify(await oldestUnsettled(world.ports.database.system).explain("json"));
  expect(plan).toMatch(/"Node Type":"Limit"/);
  expect(plan).toMatch(/"Index Name":"document_oldest_waiting"/);
});

it("no statement asks the volatile clock at each row: no index would bound it", () => {
  const sources = globSync(join(import.meta.dirname, "../**/*.ts")).filter(
    (path) => !path.endsWith(".test.ts"),
  );
  expect(sources.length).toBeGreaterThan(100);
  const volatile = sources.filter((path) =>
    /"[<>]=?",\s*sql(<\w+>)?`clock_timestamp\(\)/.test(readFileSync(path, "utf8")),
  );
  expect(volatile).toEqual([]);
});

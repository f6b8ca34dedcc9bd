import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { announce, asOwner, newPage } from "@strongroom/local/test-documents";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ListDocumentsQuery } from "../api-shapes.ts";
import { ago } from "./ago.ts";
import { pageOf } from "../document/list-documents.ts";
import { storedRetake } from "../document/supersede-document.ts";
import { mustWait } from "../job/turn.ts";
import { oldestUnsettled } from "../upload/check-overload.ts";
import { announcedSince } from "../upload/check-quota.ts";
import { dueToClear } from "../upload/clear-staging.ts";
import { overdueGrants } from "../upload/expire-grants.ts";
import { duplicatesOf } from "../upload/find-duplicate.ts";

const day = 86_400_000;
let world: TestWorld;
let copied: string;
beforeAll(async () => {
  world = await testWorld();
  const { document } = await announce(world, world.dora, [newPage()]);
  copied = document.id;
  await asOwner(world, "alter table document disable trigger user"); // a document begins as granted
  const settled = ["received_at", "settled_at"];
  await repeat(2_000, "granted", []);
  await repeat(3_000, "received", ["received_at", "rung_at"]);
  await repeat(3_000, "stored", settled);
  await repeat(1_000, "rejected", settled);
  await repeat(50, "failed", settled);
  await asOwner(world, "analyze document");
});

/** One document many times over, each an hour older than the one before; `moments` are the columns that tell of that hour. */
async function repeat(times: number, state: string, moments: string[]): Promise<void> {
  const set = ["created_at", "announced_at", ...moments].map(
    (column) => `, '${column}', one.created_at - n * interval '1 hour'`,
  );
  await asOwner(
    world,
    `insert into document select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'state', $2::text,
       'reason', 'unsupported_type'${set.join("")}))).*
     from document one, generate_series(25, 24 + $3::int) n where one.id = $1`,
    [copied, state, times],
  );
}
afterAll(() => world.close());

/** What bounds the searches of a plan. */
const conditionsOf = (plan: unknown) =>
  [...JSON.stringify(plan).matchAll(/"Index Cond":"([^"]*)"/g)].map(([, words]) => words);

const contentOf = async (id: string): Promise<string> => {
  const [row] = await asOwner<{ sha: string }>(
    world,
    "select content_sha256 as sha from document where id = $1",
    [id],
  );
  return row!.sha;
};

it("the quota looks at the documents of a day, not at all that a tenant ever had", async () => {
  const plan = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
    announcedSince(tx, ago(day)).select("id").explain("json"),
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

it("ending grants looks at those that are over", async () => {
  const plan = await overdueGrants(world.ports.database).explain("json");
  expect(conditionsOf(plan)).toContainEqual(expect.stringContaining("(grant_expires_at < "));
});

it("clearing what is due of a state does not look at what others keep for longer", async () => {
  const plan = await dueToClear(world.ports.database, "rejected", 30 * day).explain("json");
  expect(conditionsOf(plan)).toContainEqual(
    expect.stringMatching(/\(state = 'rejected'::text\) AND \(settled_at < /),
  );
});

it("of a page that was sent many times, the oldest is the first entry of an index", async () => {
  const content = { documentId: newDocumentId(), sha256: await contentOf(copied) };
  const plan = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
    duplicatesOf(tx, content).explain("json"),
  );
  expect(JSON.stringify(plan)).toContain('"Index Name":"document_by_content_and_age"');
  expect(JSON.stringify(plan)).not.toContain('"Node Type":"Sort"');
});

it("a list of what failed goes through what failed, newest first, by a plan that is kept for any parameters, too", async () => {
  const query = ListDocumentsQuery.parse({ state: "failed" });
  const text = await world.ports.database.withTenant(
    world.dora.tenantId,
    async (tx) => pageOf(tx, world.agnes, query).compile().sql,
  );
  const plan = JSON.stringify(await asOwner(world, `explain (generic_plan, format json) ${text}`));
  expect(plan).toContain('"Index Name":"document_not_stored"');
  expect(plan).not.toContain('"Node Type":"Sort"');
});

it("what a person announced within a day is looked at by person, not by tenant", async () => {
  await asOwner(
    world,
    `insert into document select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'owner_id', $2::uuid,
       'created_at', one.created_at - n * interval '5 seconds'))).*
     from document one, generate_series(1, 10000) n where one.id = $1`,
    [copied, world.emil.userId],
  );
  await asOwner(world, "analyze document");
  const plan = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
    announcedSince(tx, ago(day)).where("owner_id", "=", world.dora.userId).select("id").explain("json"),
  );
  expect(conditionsOf(plan)).toContainEqual(expect.stringMatching(/owner_id = .*created_at > /));
});

it("who replaces a document is found among retakes, not among all that a tenant ever had", async () => {
  const plan = await world.ports.database.withTenant(world.dora.tenantId, (tx) =>
    storedRetake(tx, copied).explain("json"),
  );
  expect(JSON.stringify(plan)).toContain('"Index Name":"document_by_replaced"');
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

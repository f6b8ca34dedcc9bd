import { testDatabase } from "@strongroom/local/test-database";
import type { TestDatabase } from "@strongroom/local/test-database";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Bell } from "./bell.ts";

const forever = 3_600_000;
let database: TestDatabase;
let here: Bell;
let there: Bell;

beforeEach(async () => {
  database = await testDatabase();
  here = await Bell.open(database.connections.embedded, "test");
  there = await Bell.open(database.connections.embedded, "test");
});
afterEach(async () => {
  await here.close();
  await there.close();
  await database.drop();
});

test("a ring wakes those who wait for its name, in this process and in others, and nobody else", async () => {
  const [near, far] = [
    here.changed("a", here.count("a"), forever),
    there.changed("a", there.count("a"), forever),
  ];
  const before = there.count("b");
  here.ring("a");
  await Promise.all([near, far]);
  expect(there.count("b")).toBe(before);
});

test("a ring between looking and waiting is not missed", async () => {
  const count = here.count("a");
  here.ring("a");
  await here.changed("a", count, forever);
});

test("waiting ends by itself, by an abort and by closing", async () => {
  await here.changed("a", here.count("a"), 1);
  const stop = new AbortController();
  const aborted = here.changed("a", here.count("a"), forever, stop.signal);
  stop.abort();
  await aborted;
  const closed = here.changed("a", here.count("a"), forever);
  await here.close();
  await closed;
});

test("a bell whose connection was lost wakes everybody when it is back, and hears rings again", async () => {
  const [countA, countB] = [there.count("a"), there.count("b")];
  const superuser = new pg.Client(database.superuser);
  await superuser.connect();
  await superuser.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'strongroom_embedded' and datname = current_database()",
  );
  await superuser.end();
  await Promise.all([there.changed("a", countA, forever), there.changed("b", countB, forever)]);
  await here.changed("a", 1, forever);
  const waiting = there.changed("a", there.count("a"), forever);
  here.ring("a");
  await waiting;
});

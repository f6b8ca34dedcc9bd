import { describe, expect, it } from "vitest";
import { kyselyOver } from "./database/kysely-nodes.ts";
import { lookUp } from "./database/scope.ts";
import { playHistory } from "./history.ts";
import { plants } from "./plants.ts";
import { randomFrom } from "./random.ts";
import { playHonest, playPlanted } from "./run.ts";
import { NotModelled } from "./world/faults.ts";
import { Process } from "./world/process.ts";
import { Schedule } from "./world/schedule.ts";

/** Far away from the seeds that `npm run simulate` plays. */
const from = 500_000_000;

it("every history of the product as it is holds, whatever befalls it", { timeout: 120_000 }, async () => {
  const { histories, violation, faults, cleared } = await playHonest(from, 200, 1);
  expect(violation?.violations ?? []).toEqual([]);
  expect(histories).toBe(200);
  expect(cleared).toBeGreaterThan(50); // some 45 % are
  expect(cleared).toBeLessThan(150);
  const kinds = faults.map(([kind]) => kind);
  for (const kind of ["kill before", "kill after", "fail before", "fail after", "freeze", "event lost"])
    expect(kinds).toContain(kind);
});

it("a seed replays its history step by step", async () => {
  const [once, again] = [await playHistory(from + 9, true), await playHistory(from + 9, true)];
  expect(again).toEqual(once);
  expect(once.lines!.length).toBeGreaterThan(50);
  expect((await playHistory(from + 10, true)).lines).not.toEqual(once.lines);
});

it.each([
  new TypeError("the model reads what is not there"),
  new RangeError("the model reads what is not there"),
  new SyntaxError("the model reads what is not there"),
])(
  "a fault of the simulation itself ends it, whatever the product would make of one: $name",
  async (fault) => {
    const schedule = new Schedule(randomFrom(1), false);
    const asked = schedule.call(new Process("asking"), "a piece of SQL", () => {
      throw fault;
    });
    void asked.catch(() => {}); // as the product does with what it only tries
    await expect(schedule.run(() => false, schedule.now)).rejects.toThrow("reads what is not there");
  },
);

it("a statement that the simulation does not know ends it, though whoever made it caught that", async () => {
  const schedule = new Schedule(randomFrom(1), false);
  const query = kyselyOver(() => Promise.resolve({ rows: [], affected: 0 }));
  expect(() => query.selectFrom("tenant").groupBy("id")).toThrow();
  await expect(schedule.run(() => false, schedule.now)).rejects.toThrow("does not know kysely's groupBy");
  await schedule.run(() => false, schedule.now); // told once
});

it("a column that the model lacks ends the simulation, and is no outage", () => {
  const scope = { name: "tenant", row: { id: "1" }, outer: null, entry: null };
  expect(() => lookUp(scope, null, "newer")).toThrow(NotModelled);
  expect(() => NotModelled.check()).toThrow("no column newer here");
});

describe("a planted bug", () => {
  // Those that need rarer meetings are left to `npm run simulate`, which plants all of them.
  const rare = new Set(["no fence", "id cursor", "reaper by created_at"]);
  const names = plants.map(({ name }) => name).filter((name) => !rare.has(name));

  it("is found by a few histories, which hold without it", { timeout: 240_000 }, async () => {
    const found = await playPlanted({ names, from: 0, most: 1_500, threads: 2 }, () => {});
    expect(found.filter(({ violation }) => violation === null)).toEqual([]);
    expect(found.map(({ plant }) => plant).toSorted()).toEqual(names.toSorted());
  });

  it("that finds no place in the source is told, not passed over", async () => {
    const { plantSources } = await import("./plant-sources.ts");
    const check = plantSources({
      name: "nowhere",
      patches: [{ file: "packages/core/src/nowhere.ts", find: "", replace: "" }],
    });
    expect(check).toThrow("found no place: ");
  });
});

it("there are twelve planted bugs, each with a name of its own", () => {
  expect(new Set(plants.map(({ name }) => name)).size).toBe(12);
});

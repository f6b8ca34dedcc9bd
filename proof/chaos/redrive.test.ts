import { systemClock } from "@strongroom/core/clock";
import { withClient } from "@strongroom/core/database/roles";
import { seededRandom } from "@strongroom/local/test-random";
import { startWhole, untilQuiet, type WholeSystem } from "@strongroom/local/test-whole";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { History } from "./history.ts";
import { type Cast, castPeople } from "./cast.ts";
import { type Road, sendDocument } from "./driver.ts";
import { drawPages } from "./pages.ts";
import { redriveFailed } from "./redrive.ts";
import { readWish } from "./sizes.ts";

let system: WholeSystem;
let road: Road;
let people: Cast;
const written: Parameters<History["write"]>[0][] = [];
const leaving = new AbortController();

beforeAll(async () => {
  system = await startWhole({ timeDivisor: 15, maxRetries: 2 });
  const { port, host } = new URL(system.url);
  const random = seededRandom(1);
  road = {
    port: Number(port),
    host,
    history: { write: (entry) => void written.push(entry), counts: new Map(), close: async () => {} },
    pages: await drawPages(random),
    random,
    timeDivisor: 15,
    drivers: 2,
    leaving: leaving.signal,
    sleep: (delayMs, until) => systemClock.sleep(delayMs, until),
  };
  const { superuser, directory: dataDirectory } = system;
  const sizes = { ...readWish([]).sizes, tenants: 2, drivers: 2 };
  people = await castPeople({ superuser, dataDirectory, apiPort: Number(port) }, sizes);
});
afterAll(async () => {
  leaving.abort();
  await system.close();
});

const states = () =>
  withClient(system.superuser, async (client) =>
    (await client.query<{ state: string }>("select state from document")).rows.map(({ state }) => state),
  );

test("what failed of any tenant is sent its way again when our faults are over, once, and comes to its end", async () => {
  const { keys } = system.ports;
  const { generateDataKey } = keys;
  keys.generateDataKey = () => Promise.reject(new Error("the keys are away"));
  for (const [index, driver] of people.drivers.entries())
    await sendDocument(road, driver, { driver: index, manner: "plain", sorts: ["photo"] });
  await untilQuiet(system.superuser);
  expect(await states()).toEqual(["failed", "failed"]);
  keys.generateDataKey = generateDataKey;
  expect(await redriveFailed(road, people.agents)).toBe(2);
  await untilQuiet(system.superuser);
  expect(await states()).toEqual(["stored", "stored"]);
  const redriven = written.filter(({ what }) => what === "redriven");
  expect(redriven).toHaveLength(2);
  expect(redriven).toMatchObject(Array(2).fill({ outcome: "ok", reason: "processing_failed" }));
  expect(await redriveFailed(road, people.agents)).toBe(0);
});

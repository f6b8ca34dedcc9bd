import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { seededRandom } from "@strongroom/local/test-random";
import { drawPhoto } from "./draw-photo.ts";
import { histogramOf } from "./load/histogram.ts";
import { offer } from "./load/offer.ts";
import { poisson, runOpenLoop } from "./load/open-loop.ts";
import { sendDocument } from "./load/send-document.ts";
import { type StartedSystem, startForLoad } from "./load/started-system.ts";
import { type BenchOptions, figure, type Race, race } from "./race.ts";

/** 10,000 a minute. */
const perSecond = 10_000 / 60;
const documentsPerSecond = 2;
const atOnce = 16;

/** Routes that answer without files: how long each takes while documents are worked on, and how many there can be. */
export async function raceApi({ quick }: BenchOptions): Promise<Race[]> {
  const system = await startForLoad();
  const bare = fork(join(import.meta.dirname, "bare-http.ts"));
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  try {
    const [port] = (await once(bare, "message")) as [number];
    const photo = await drawPhoto({ width: 1_152, height: 864 });
    const ask = await asker(system, agent, photo);
    const latency = await underLoad(system, photo, ask, quick ? 5 : 20);
    const requests = quick ? 400 : 2_000;
    const rate = await race({
      name: `metadata routes, ${atOnce} at once, nothing else going on`,
      unit: "requests/s",
      limitName: "bare node:http with one JSON body",
      goal: "≥ 0.4 × the limit",
      isMet: (_, ratio) => ratio >= 0.4,
      rounds: quick ? 1 : 3,
      ours: () => rateOf(requests, ask),
      limit: () => rateOf(requests, () => get(agent, `http://127.0.0.1:${port}/`, {})),
    });
    return [latency, rate];
  } finally {
    agent.destroy();
    bare.disconnect();
    await system.stop();
  }
}

type Ask = (index: number) => Promise<void>;

/** One document, the list, the kinds, oneself: in turns, by the drivers of all companies in turns. */
async function asker(system: StartedSystem, agent: Agent, photo: Uint8Array): Promise<Ask> {
  const people = await Promise.all(
    system.companies.flatMap(({ drivers, tokens }) =>
      drivers.slice(0, 10).map(async (driver, index) => ({
        id: index === 0 ? await sendDocument(driver, photo) : null,
        token: tokens[index]!,
      })),
    ),
  );
  await system.untilStored(60_000);
  return async (index) => {
    const { id, token } = people[index % people.length]!;
    const paths = [`/v1/documents/${id}`, "/v1/documents", "/v1/kinds", "/v1/me"];
    const path = paths[Math.floor(index / people.length) % paths.length]!;
    await get(agent, `${system.url}${id === null && path === paths[0] ? paths[1] : path}`, {
      authorization: `Bearer ${token}`,
    });
  };
}

async function underLoad(system: StartedSystem, photo: Uint8Array, ask: Ask, seconds: number): Promise<Race> {
  const random = seededRandom(1);
  const [asked, offered] = await Promise.all([
    runOpenLoop(poisson(random, perSecond, seconds), ask),
    offer(system.companies[0]!, poisson(random, documentsPerSecond, seconds), photo),
  ]);
  const failed = [...asked, ...offered].find(({ error }) => error !== null);
  if (failed) throw failed.error!;
  await system.untilStored(60_000); // or nothing was worked on meanwhile
  const { p50, p95, max } = histogramOf(
    asked.map(({ intendedMs, endedMs }) => endedMs - intendedMs),
  ).percentiles();
  const about = {
    name: `metadata routes at 10,000 requests a minute while ${documentsPerSecond} documents a second are worked on: p95 (p50–max)`,
    unit: "ms",
    limitName: "–",
    goal: "p95 < 50 ms",
    isMet: () => p95 < 50,
  };
  const ours = { min: p50, median: p95, max, runs: asked.length };
  return { ...figure(about, [p95]), ours };
}

async function rateOf(requests: number, ask: Ask): Promise<number> {
  const startedMs = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < requests) await ask(next++);
    }),
  );
  return (requests * 1_000) / (performance.now() - startedMs);
}

function get(agent: Agent, url: string, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { agent, headers }, (response) => {
      response.resume();
      response.once("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${url} answered ${response.statusCode}`)),
      );
    });
    sending.once("error", reject);
    sending.end();
  });
}

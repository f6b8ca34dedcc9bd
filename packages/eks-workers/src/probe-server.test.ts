import { silentLog } from "@strongroom/core/log";
import type { Database } from "@strongroom/core/ports/database";
import { dividePeriods } from "@strongroom/core/config";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { steppedClock, type SteppedClock } from "@strongroom/local/test-pipeline";
import { type Probes, readProbeAddress, serveProbes } from "./probe-server.ts";
import { createVitals, type Vitals } from "./vitals.ts";

const { stall } = dividePeriods(1);
let clock: SteppedClock;
let vitals: Vitals;
let probes: Probes;
let ping: Database["ping"];
beforeEach(async () => {
  clock = steppedClock();
  vitals = createVitals(clock);
  ping = async () => {};
  const ports = {
    database: { ping: () => ping() } as Database,
    config: { periods: dividePeriods(1) } as never,
    log: silentLog,
  };
  probes = await serveProbes(ports, vitals, { host: "127.0.0.1", port: 0 });
});
afterEach(() => probes.close());

const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${probes.port}${path}`, init);
const statusOf = async (path: string) => (await ask(path)).status;
const metrics = async () => (await (await ask("/metrics")).text()).split("\n");

describe("whether a worker lives", () => {
  it("a worker that looks for work lives, however long it finds none", async () => {
    for (let hour = 0; hour < 5; hour += 1) {
      clock.pass(stall);
      vitals.round(true);
      expect(await statusOf("/health")).toBe(200);
    }
  });

  it("a worker that looks for none is dead after the period of a stall, to the millisecond, idle or not", async () => {
    clock.pass(stall);
    expect(await statusOf("/health")).toBe(200);
    clock.pass(1);
    const answer = await ask("/health");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ status: "stalled", sinceRoundMs: stall + 1 });
  });

  it("a worker whose queue is away lives, for another process would find it away as well", async () => {
    vitals.round(false);
    expect(await statusOf("/health")).toBe(200);
  });
});

describe("whether a worker is ready", () => {
  it("rests on the database, which answers, and on its last round, which worked", async () => {
    expect(await (await ask("/ready")).json()).toEqual({ database: true, loop: true });
  });

  it("is denied while the database does not answer, and it says so", async () => {
    ping = () => Promise.reject(new Error("away"));
    const answer = await ask("/ready");
    expect([answer.status, await answer.json()]).toEqual([503, { database: false, loop: true }]);
  });

  it("is denied while the database keeps the probe waiting", async () => {
    ping = () => new Promise(() => {});
    expect(await statusOf("/ready")).toBe(503);
  });

  it("is denied after a round that failed, until one works", async () => {
    vitals.round(false);
    expect(await statusOf("/ready")).toBe(503);
    vitals.round(true);
    expect(await statusOf("/ready")).toBe(200);
  });
});

describe("what a worker measures", () => {
  it("is told as text of Prometheus: what was counted, what is read now, and of the process", async () => {
    vitals.count("strongroom_documents_total", { outcome: "stored" });
    vitals.count("strongroom_documents_total", { outcome: "stored" });
    vitals.count("strongroom_documents_total", { outcome: "failed" });
    let lag = 7;
    vitals.addGauge({
      name: "lag",
      help: "h",
      read: async () => [{ labels: { topic: "documents" }, value: lag }],
    });
    clock.pass(2_500);
    const answer = await ask("/metrics");
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await answer.text()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'strongroom_documents_total{outcome="stored"} 2',
        'strongroom_documents_total{outcome="failed"} 1',
        'lag{topic="documents"} 7',
        "strongroom_worker_round_age_seconds 2.5",
      ]),
    );
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes"])
      expect(Number(lines.find((line) => line.startsWith(`${name} `))!.split(" ")[1])).toBeGreaterThan(0);
    lag = 8;
    expect(await metrics()).toContain('lag{topic="documents"} 8');
  });

  it("is missing, and never zero, when it cannot be read; the rest is told all the same", async () => {
    vitals.addGauge({ name: "oldest", help: "h", read: () => Promise.reject(new Error("away")) });
    const lines = await metrics();
    expect(lines.filter((line) => line.includes("oldest"))).toEqual([]);
    expect(lines.some((line) => line.startsWith("process_uptime_seconds "))).toBe(true);
  });
});

it.each([
  ["/", "GET"],
  ["/healthz", "GET"],
  ["/health", "POST"],
])("nothing else is answered: %s by %s", async (path, method) => {
  expect((await ask(path, { method })).status).toBe(404);
});

describe("the address of the probes", () => {
  it("is none unless a port is given, and this machine unless another is", () => {
    expect(readProbeAddress({})).toBeNull();
    expect(readProbeAddress({ STRONGROOM_PROBE_HOST: "0.0.0.0" })).toBeNull();
    expect(readProbeAddress({ STRONGROOM_PROBE_PORT: "9090" })).toEqual({ host: "127.0.0.1", port: 9_090 });
    expect(readProbeAddress({ STRONGROOM_PROBE_PORT: "9090", STRONGROOM_PROBE_HOST: "0.0.0.0" })).toEqual({
      host: "0.0.0.0",
      port: 9_090,
    });
  });

  it.each(["65536", "-1", "80.5", "http"])("is refused by its name for the port %j", (port) => {
    expect(() => readProbeAddress({ STRONGROOM_PROBE_PORT: port })).toThrow("STRONGROOM_PROBE_PORT");
  });
});

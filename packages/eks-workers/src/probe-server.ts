import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Ports } from "@strongroom/core/ports/ports";
import * as z from "zod";
import { type Metric, metricsType, writeMetrics } from "./metric-text.ts";
import type { Gauge, Vitals } from "./vitals.ts";

/** Where probes are answered. */
export type ProbeAddress = { host: string; port: number };
/** Probes at work; `close` ends those that are being answered. */
export type Probes = { port: number; close(): Promise<void> };
type ProbePorts = Pick<Ports, "database" | "config" | "log">;

/** How long a dependency may take to answer a probe; Kubernetes itself gives up after what `timeoutSeconds` says. */
const patienceMs = 2_000;

const Environment = z.object({
  STRONGROOM_PROBE_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  STRONGROOM_PROBE_HOST: z.string().min(1).default("127.0.0.1"),
});

/** `STRONGROOM_PROBE_PORT` (0: any) and `STRONGROOM_PROBE_HOST` (this machine unless it says `0.0.0.0`); null: nobody asks. */
export function readProbeAddress(environment: Record<string, string | undefined>): ProbeAddress | null {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) throw new Error(`configuration: ${z.prettifyError(parsed.error)}`);
  const { STRONGROOM_PROBE_PORT: port, STRONGROOM_PROBE_HOST: host } = parsed.data;
  return port === undefined ? null : { host, port };
}

/**
 * Answers `GET /health` (503 when the loop made no round for the period `stall`: restart it), `/ready` (503 while what the
 * worker depends on does not answer: wait) and `/metrics` (Prometheus). No contents, no names of people, no login.
 */
export async function serveProbes(ports: ProbePorts, vitals: Vitals, address: ProbeAddress): Promise<Probes> {
  const server = createServer((request, response) => {
    const path = request.method === "GET" ? (request.url ?? "").split("?")[0] : "";
    void answer(ports, vitals, path ?? "", response).catch((error: Error) => {
      ports.log.warn("probe.failed", { error });
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) =>
    server.once("error", reject).listen(address.port, address.host, resolve),
  );
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(ports: ProbePorts, vitals: Vitals, path: string, response: ServerResponse) {
  switch (path) {
    case "/health": {
      const stalled = vitals.sinceRoundMs() > ports.config.periods.stall;
      const sinceRoundMs = Math.round(vitals.sinceRoundMs());
      return sendJson(response, stalled ? 503 : 200, { status: stalled ? "stalled" : "live", sinceRoundMs });
    }
    case "/ready": {
      const [database, loop] = [await doesAnswer(ports), vitals.isWell()];
      return sendJson(response, database && loop ? 200 : 503, { database, loop });
    }
    case "/metrics": {
      const metrics = [...vitals.counted(), ...(await readGauges(ports, vitals)), ...ofProcess(vitals)];
      response.writeHead(200, { "content-type": metricsType }).end(writeMetrics(metrics));
      return;
    }
    default:
      return sendJson(response, 404, { status: "not found" });
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const doesAnswer = ({ database }: ProbePorts): Promise<boolean> =>
  withinPatience(database.ping()).then(
    () => true,
    () => false,
  );

/** What cannot be read is missing, never zero: an alarm on its absence is the alarm. */
async function readGauges(ports: ProbePorts, vitals: Vitals): Promise<Metric[]> {
  const read = async (gauge: Gauge): Promise<Metric[]> => {
    try {
      return [
        { name: gauge.name, help: gauge.help, type: "gauge", samples: await withinPatience(gauge.read()) },
      ];
    } catch (error) {
      ports.log.warn("probe.gauge_failed", { name: gauge.name, error: error as Error });
      return [];
    }
  };
  return (await Promise.all(vitals.gauges().map(read))).flat();
}

function ofProcess(vitals: Vitals): Metric[] {
  const { user, system } = process.cpuUsage();
  const one = (type: Metric["type"], name: string, help: string, value: number): Metric => ({
    name,
    help,
    type,
    samples: [{ value }],
  });
  return [
    one(
      "gauge",
      "strongroom_worker_round_age_seconds",
      "Since the last round.",
      vitals.sinceRoundMs() / 1_000,
    ),
    one("counter", "process_cpu_seconds_total", "CPU time, user and system.", (user + system) / 1e6),
    one("gauge", "process_resident_memory_bytes", "Resident memory.", process.memoryUsage.rss()),
    one("gauge", "process_uptime_seconds", "Since the process began.", process.uptime()),
  ];
}

async function withinPatience<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  return await Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

import { randomBytes } from "node:crypto";
import { systemIds } from "@strongroom/core/ids";
import { call, outcomeOf } from "./driver.ts";
import type { Scene } from "./injuries.ts";
import { sha256 } from "./pages.ts";
import { sendRequest } from "./send-request.ts";

/** Grants that are asked for, one after the other, by each of two askers while something is away. */
const probes = 20;

/** Asks for grants for as long as an outage lasts; beside each, how long an answer takes that needs nothing but the API. */
export async function probeGrants(scene: Scene, away: string): Promise<void> {
  const { outageMs, sleep } = scene;
  const deadline = performance.now() + outageMs;
  const ask = async () => {
    while (performance.now() < deadline) await Promise.all([probe(scene, away), sleep(outageMs / probes)]);
  };
  await Promise.all([ask(), ask()]);
}

async function probe({ installation, history, prober }: Scene, away: string): Promise<void> {
  const port = installation.apiPort;
  const road = { port, host: `127.0.0.1:${port}` };
  const id = systemIds.uuid();
  const digest = sha256(randomBytes(8));
  const file = { name: "photo.jpg", mediaType: "image/jpeg", sizeBytes: 1_000, sha256: digest };
  const files = [{ position: 1, sha256: digest, sizeBytes: 1_000, requests: 1 }];
  const { tenantId: tenant, userId: user } = prober;
  history.write({ what: "planned", tenant, user, document: id, fate: "never", files });
  const [grant, control] = await Promise.all([
    timed(call(road, prober, "POST", "/v1/documents", { id, kind: "cmr", files: [file] })),
    timed(sendRequest({ ...road, method: "GET", path: "/openapi.json" })),
  ]);
  const { answer, tookMs } = grant;
  const status = answer?.status ?? null;
  history.write({ what: "accept", document: id, outcome: outcomeOf(answer), status, tookMs });
  const hasRetryAfter = answer?.headers["retry-after"] !== undefined;
  const { answer: controlled, tookMs: controlMs } = control;
  const isControlled = controlled?.status === 200;
  history.write({ what: "probe", away, status, hasRetryAfter, tookMs, controlMs, isControlled });
}

async function timed<Answer>(asking: Promise<Answer>): Promise<{ answer: Answer; tookMs: number }> {
  const startedMs = performance.now();
  const answer = await asking;
  return { answer, tookMs: Math.round(performance.now() - startedMs) };
}

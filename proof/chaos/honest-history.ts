import {
  type End,
  type FaultKind,
  type FaultyPort,
  type FaultyProcess,
  hostileFamilies,
  type KilledPart,
  killedParts,
  refusals,
  standingPoints,
  type Struck,
} from "../check/demands.ts";
import type { Entry, PublicKey } from "../check/judged-run.ts";
import { driver, dumpedAt, hex, page, rejected, stored, tenant, told, waiting } from "./honest-names.ts";

const dead = (part: KilledPart): End => {
  return { part, pid: 7, sent: "SIGKILL", wasAlive: true, code: null, signal: "SIGKILL" };
};
const workers = ["processor", "relay", "notifier"] as const;
const stopped = (part: KilledPart): End => {
  return { part, pid: 8, sent: "SIGTERM", wasAlive: true, code: 0, signal: null };
};
const redriveAnswered = { reason: "processing_failed", outcome: "ok", status: 200, tries: 1 } as const;

/** What the clients of a sound run did and saw; `published`: keys under which receipts verify. */
export function honestHistory(published: PublicKey[]): Entry[] {
  const at = dumpedAt - 55_000;
  const of = (document: string, fate: "shown" | "rejected" | "never"): Entry[] => [
    {
      at,
      what: "planned",
      tenant,
      user: driver,
      document,
      fate,
      files: [{ position: 1, sha256: hex(page(document)), sizeBytes: page(document).length, requests: 1 }],
    },
    { at, what: "accept", document, outcome: "unknown", status: null, tookMs: 5 },
    { at, what: "accept", document, outcome: "ok", status: 201, tookMs: 5 },
  ];
  const sent = (document: string): Entry[] => [
    { at, what: "put", document, position: 1, request: 0, outcome: "ok", status: 200 },
    { at, what: "complete", document, outcome: "ok", status: 200 },
    { at, what: "seen", document, state: "processing", version: 2 },
  ];
  const shown = [
    { id: stored, state: "stored", reason: null },
    { id: rejected, state: "rejected", reason: "unsupported_type" },
  ];
  const times = { tookMs: 1_900, controlMs: 10 };
  return [
    ...of(stored, "shown"),
    ...sent(stored),
    ...of(rejected, "rejected"),
    ...sent(rejected),
    ...of(waiting, "never"),
    ...["live", "dead"].map((token): Entry => ({ at, what: "device", tenant, user: driver, token })),
    { at, what: "unregistered", token: "dead" },
    { at, what: "listening", token: "live" },
    ...told.map(([document, version]): Entry => {
      return { at, what: "notice", token: "live", tag: `${document}.${version}`, fields: ["tag", "type"] };
    }),
    ...hostileFamilies.map((family): Entry => {
      return {
        at,
        what: "hostile",
        document: stored,
        family,
        attempt: `an upload: ${family}`,
        status: refusals[family],
      };
    }),
    { at, what: "hostile", document: stored, family: "more", attempt: "no answer came", status: null },
    ...harm(at),
    ...[...standingPoints, ...standingPoints].map((point): Entry => {
      return { at, what: "stop", point, document: stored, isTaken: true };
    }),
    { at, what: "probe", away: "database", status: 503, hasRetryAfter: true, isControlled: true, ...times },
    { at, what: "during", outage: "push", offered: 8, stored: 5 },
    { at, what: "redriven", document: rejected, ...redriveAnswered },
    { at, what: "keys", keys: published },
    { at, what: "quiet", tookMs: 900, limitMs: 8_000, slowness: 1 },
    { at, what: "listed", tenant, user: driver, documents: shown },
  ];
}

/** Of each port, and by each process, as many requests as the promise has documents. */
const struckAsPromised: Struck[] = [
  struckIn("main", "objects", { error: 500, lost: 300, drop: 50 }),
  struckIn("main", "queue", { duplicate: 1_000 }),
  struckIn("processor", "queue", { error: 500, lost: 300, duplicate: 1_000 }),
  struckIn("processor", "keys", { error: 500, lost: 300 }),
  struckIn("relay", "keys", { error: 500, lost: 300 }),
  struckIn("relay", "stream", { unacknowledged: 500, duplicate: 1_000 }),
  struckIn("notifier", "push", { error: 500, lost: 300 }),
  struckIn("notifier", "stream", { duplicate: 1_000 }),
].flat();

/** Of ten thousand that each of these faults could have struck. */
function struckIn(
  process: FaultyProcess,
  port: FaultyPort,
  struck: Partial<Record<FaultKind, number>>,
): Struck[] {
  return Object.entries(struck).map(([fault, times]) => {
    return { process, port, fault: fault as FaultKind, asked: 10_000, struck: times };
  });
}

/** What was done to it: something was away, each part was killed, all workers were told to stop. */
function harm(at: number): Entry[] {
  const injury = (kind: string, detail: string, ends: End[]): Entry => {
    return { at, what: "injury", kind, detail, struck: true, ends };
  };
  return [
    injury("database away", "", []),
    ...["killed", "killed too"].map((detail) =>
      injury("kill relay before its mark", detail, [dead("relay")]),
    ),
    ...killedParts.map((part) => injury(`kill ${part}`, "", [dead(part)])),
    injury("restart workers", "", workers.map(stopped)),
    {
      at,
      what: "faults",
      tally: structuredClone(struckAsPromised),
      connections: { refuse: { asked: 10_000, struck: 300 }, replay: { asked: 9_700, struck: 500 } },
    },
  ];
}

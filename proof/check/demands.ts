/**
 * What must have been tried of every upload that nobody may make, and the status by which it is refused for that: whoever is
 * refused otherwise, as one who is unknown, asks too often or at the wrong address, has tried nothing. `more` is what was tried besides.
 */
export const refusals = {
  "after expiry": 403,
  "after cleanup": 403,
  twice: 412,
  "other bytes": 400,
  size: 403,
  type: 403,
  checksum: 403,
  key: 403,
  tenant: 403,
} as const;
export const hostileFamilies = Object.keys(refusals) as (keyof typeof refusals)[];
export type HostileFamily = (typeof hostileFamilies)[number] | "more";

/** Steps of an attempt at which a processor is made to stand still, as by SIGSTOP, for longer than its lease. */
export const standingPoints = [
  "at claim",
  "decoded",
  "key made",
  "put started",
  "put done",
  "before commit",
  "before ack",
] as const;
export type StandingPoint = (typeof standingPoints)[number];

/** What is killed: of `main` it is the process of API and upload server, which is the parent of all workers. */
export const killedParts = ["processor", "decoder", "relay", "notifier", "main", "postgres"] as const;
export type KilledPart = (typeof killedParts)[number];

/**
 * A process that was meant to end: whether it lived just before (in /proc, and not as a zombie), and how it ended, as its
 * parent was told; neither code nor signal when nobody was told.
 */
export type End = {
  part: KilledPart;
  pid: number;
  sent: "SIGKILL" | "SIGTERM";
  wasAlive: boolean;
  code: number | null;
  signal: string | null;
};

/**
 * Faults of single requests: one that fails before anything is done, one whose answer is lost, a batch that the stream does not
 * acknowledge, a delivery that comes twice, an event of the object store that never comes.
 */
export const faultKinds = ["error", "lost", "unacknowledged", "duplicate", "drop"] as const;
export type FaultKind = (typeof faultKinds)[number];
/** Which of them each port can have: of the objects the events of uploads, too; what else a stream does wrong is not acknowledged. */
export const faultsOfPorts = {
  objects: ["error", "lost", "drop"],
  queue: ["error", "lost", "duplicate"],
  keys: ["error", "lost"],
  push: ["error", "lost"],
  stream: ["unacknowledged", "duplicate"],
} as const satisfies Record<string, readonly FaultKind[]>;
export type FaultyPort = keyof typeof faultsOfPorts;

/** Which of them each kind of process meets, whatever its ports; `main` is API, upload server and schedules. */
export const faultsOfProcesses = {
  main: ["error", "lost", "duplicate", "drop"],
  processor: ["error", "lost", "duplicate"],
  relay: ["error", "lost", "unacknowledged", "duplicate"],
  notifier: ["error", "lost", "duplicate"],
} as const satisfies Record<string, readonly FaultKind[]>;
export type FaultyProcess = keyof typeof faultsOfProcesses;

/** How often one fault could have struck one port of all processes of a kind, and did. */
export type Struck = {
  process: FaultyProcess;
  port: FaultyPort;
  fault: FaultKind;
  asked: number;
  struck: number;
};

/** Manners in which a connection of a client is struck, on its way to the API. */
export const clientFaults = [
  "refuse",
  "reset request",
  "reset answer",
  "latency",
  "drop-answer",
  "replay",
  "split",
] as const;
export type ClientFault = (typeof clientFaults)[number];
/** How many connections one of them could have struck, and did. */
export type Chance = { asked: number; struck: number };

/** What a run set out to do, and must have done to show what it is to show. */
export type Demands = {
  /** Whether the attackers came at the end. */
  attacks: boolean;
  /** Processors that stood still for longer than their lease, while another took over what they had in hand. */
  stops: number;
  /** Relays that were killed between publish and mark; they count nowhere else. */
  relayKills: number;
  /** Processes that died of our SIGKILL: of workers, relay and ingest `together`, and of each part by itself. */
  kills: { together: number; each: Record<KilledPart, number> };
  /** In each of which every worker ended because it was told to, one after the other. */
  restarts: number;
  /**
   * Share of what could be struck by each fault, and how often it must have been able to: in all, and each port and kind of process `apart`;
   * `clients`: the same of connections of clients, by the manner. null: no fault is promised.
   */
  faults: {
    rates: Record<FaultKind, number>;
    asked: number;
    apart: number;
    clients: Partial<Record<ClientFault, { share: number; asked: number }>>;
  } | null;
};

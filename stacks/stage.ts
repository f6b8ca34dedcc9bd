/** A cell is a cluster with its own queues, API, ingest and reader. */
export type CellName = "even" | "odd";

/** What a stage is made of; everything else follows from it. */
export type Stage = {
  name: string;
  /** The first one is the active one; a second one is idle until weight is shifted to it (docs/deploy.md, Cells). */
  cells: readonly [CellName, ...CellName[]];
  /**
   * Network, database, stream, cache and clusters: a set of its own, the one of `dev`, or none (live debugging: database and
   * stream run on the developer's machine, because an idle Aurora that something polls never pauses).
   */
  base: "own" | "dev" | "none";
  /** Data outlives the stack, and deletion is refused. */
  protects: boolean;
  availabilityZones: 2 | 3;
  natGateways: number;
  /** Interface endpoints cost about $7 a month for each zone; the S3 gateway is free. */
  hasInterfaceEndpoints: boolean;
  /** Aurora Serverless v2 in capacity units of 2 GiB. */
  database: {
    minCapacity: number;
    maxCapacity: number;
    readers: number;
    hasProxy: boolean;
    backupDays: number;
  };
  /** Three brokers of this size. Not MSK Serverless: CloudFormation makes topics in provisioned clusters only. */
  mskKind: "kafka.t3.small" | "kafka.m7g.large";
  hasCache: boolean;
  /** Locks the vault's winners (S3 Object Lock, set per object; never a bucket default). Cannot be taken back. */
  hasObjectLock: boolean;
  /** Copies vault, staging and backups to the site's recovery region. */
  replicates: boolean;
  logDays: 7 | 30 | 365;
  /** Requests per second of one cell's API before the gateway says 429. */
  requestsPerSecond: number;
  /** Reads that the reader of one cell streams at once; more are told 429. Taken out of the account's concurrency, used or not. */
  readsAtOnce: number;
  budgetUsd: number;
};

const small: Omit<Stage, "name"> = {
  cells: ["even"],
  base: "own",
  protects: false,
  availabilityZones: 3,
  natGateways: 1,
  hasInterfaceEndpoints: false,
  database: { minCapacity: 0.5, maxCapacity: 2, readers: 0, hasProxy: false, backupDays: 1 },
  mskKind: "kafka.t3.small",
  hasCache: false,
  hasObjectLock: false,
  replicates: false,
  logDays: 7,
  requestsPerSecond: 50,
  readsAtOnce: 10,
  budgetUsd: 900,
};

const large: Omit<Stage, "name"> = {
  ...small,
  cells: ["even", "odd"],
  natGateways: 3,
  hasInterfaceEndpoints: true,
  database: { minCapacity: 1, maxCapacity: 16, readers: 1, hasProxy: true, backupDays: 7 },
  mskKind: "kafka.m7g.large",
  hasCache: true,
  hasObjectLock: true,
  replicates: true,
  logDays: 30,
  requestsPerSecond: 500,
  readsAtOnce: 50,
  budgetUsd: 4_000,
};

/** Stages that have a name of their own. All others: `pr-<number>` leans on `dev`; any other name is one person's. */
const named: Record<string, Omit<Stage, "name">> = {
  production: {
    ...large,
    protects: true,
    database: { minCapacity: 2, maxCapacity: 64, readers: 1, hasProxy: true, backupDays: 35 },
    logDays: 365,
    requestsPerSecond: 2_000,
    readsAtOnce: 200,
    budgetUsd: 32_000, // the dearest month of docs/cost.md and a quarter more
  },
  staging: { ...large, mskKind: "kafka.t3.small" },
  dev: small,
  // The stage of the rehearsal: everything that production has, deletable.
  ci: large,
};

/** The stage of that name, with one or two cells when `STRONGROOM_CELLS` says so (`even`, `odd,even`, …). */
export function stageOf(name: string, cells = process.env["STRONGROOM_CELLS"]): Stage {
  const own = { ...small, natGateways: 0, budgetUsd: 50 };
  const values = named[name] ?? {
    ...own,
    base: /^pr-\d+$/.test(name) ? ("dev" as const) : ("none" as const),
  };
  return { name, ...values, ...(cells && { cells: parseCells(cells) }) };
}

function parseCells(text: string): Stage["cells"] {
  const [first, ...rest] = text.split(",").map((cell) => {
    if (cell !== "even" && cell !== "odd")
      throw new Error(`STRONGROOM_CELLS: ${cell} is neither even nor odd`);
    return cell;
  });
  if (new Set([first, ...rest]).size !== rest.length + 1)
    throw new Error("STRONGROOM_CELLS names a cell twice");
  return [first!, ...rest];
}

export const stageNames = ["production", "staging", "dev"] as const;
export type StageName = (typeof stageNames)[number];

/** Single: one cell. Dual: a second one, shut but for the overlap of each sprint. Both: a second one that always runs. */
export type Cells = "single" | "dual" | "both";

/** What of a stage costs money; `stacks/stage.ts` makes the same stages and a test compares them. */
export type StageShape = {
  cells: "single" | "dual";
  availabilityZones: number;
  natGateways: number;
  hasInterfaceEndpoints: boolean;
  database: { minCapacity: number; readers: number; hasProxy: boolean; backupDays: number };
  brokers: "kafka.m7g.large" | "kafka.t3.small";
  hasCache: boolean;
  hasObjectLock: boolean;
  replicates: boolean;
  /** Storage class of the vault's copy: what `stacks/replication.ts` writes it in. */
  copyClass: "standard" | "instantRetrieval";
  /** Snapshots by AWS Backup: days that a daily and a monthly one is kept (0: none); of the vault too, or the database alone. */
  backup: { dailyDays: number; monthlyDays: number; hasVault: boolean };
  logDays: number;
  /** m7g.large nodes of a cell, shut or not, for what must run before Karpenter does. */
  systemNodes: number;
  /** vCPU of a running cell for what is no worker: Argo CD, mesh, metrics, logs. */
  platformCpu: number;
  /** vCPU that workers of a running cell take when nothing is to be done. */
  workerCpuFloor: number;
};

const dev: StageShape = {
  cells: "single",
  availabilityZones: 3,
  natGateways: 1,
  hasInterfaceEndpoints: false,
  database: { minCapacity: 0.5, readers: 0, hasProxy: false, backupDays: 1 },
  brokers: "kafka.t3.small",
  hasCache: false,
  hasObjectLock: false,
  replicates: false,
  copyClass: "instantRetrieval",
  backup: { dailyDays: 0, monthlyDays: 0, hasVault: false },
  logDays: 7,
  systemNodes: 2,
  platformCpu: 2,
  workerCpuFloor: 2,
};

const staging: StageShape = {
  ...dev,
  cells: "dual",
  natGateways: 3,
  hasInterfaceEndpoints: true,
  database: { minCapacity: 1, readers: 1, hasProxy: true, backupDays: 7 },
  hasCache: true,
  hasObjectLock: true,
  replicates: true,
  logDays: 30,
  platformCpu: 4,
  workerCpuFloor: 6,
};

/** The stages that have a name of their own. */
export const stageShapes: Readonly<Record<StageName, StageShape>> = {
  production: {
    ...staging,
    database: { minCapacity: 2, readers: 1, hasProxy: true, backupDays: 35 },
    brokers: "kafka.m7g.large",
    backup: { dailyDays: 35, monthlyDays: 365, hasVault: false },
    logDays: 365,
  },
  staging,
  dev,
};

import { type CostInput, estimateBill } from "./estimate-cost.ts";
import { type StageShape, stageShapes } from "./stage-shape.ts";

/** Something that could be done without, what a month costs less then, and what is lost with it. */
export type Saving = { name: string; loses: string; firstYearUsd: number; fullUsd: number };

type Change = { name: string; loses: string; to: (stage: StageShape) => StageShape };

const changes: readonly Change[] = [
  {
    name: "no copies or backups in another region",
    loses: "a region's loss is the documents' loss",
    to: (stage) => ({ ...stage, replicates: false }),
  },
  {
    name: "vault copies in Glacier Instant Retrieval",
    loses: "reads of the copy cost $0.03 per GB",
    to: (stage) => ({ ...stage, copyClass: "instantRetrieval" }),
  },
  {
    name: "no AWS Backup of the vault",
    loses: "versions, locks and the copy alone stand against a wrong deletion",
    to: (stage) => ({ ...stage, backup: { ...stage.backup, hasVault: false } }),
  },
  {
    name: "three kafka.t3.small for the stream",
    loses: "throughput, four connections a second per broker",
    to: (stage) => ({ ...stage, brokers: "kafka.t3.small" }),
  },
  {
    name: "one NAT gateway",
    loses: "a zone's loss cuts pushes and webhooks",
    to: (stage) => ({ ...stage, natGateways: Math.min(1, stage.natGateways) }),
  },
  {
    name: "no interface endpoints",
    loses: "calls to KMS and SQS leave through NAT",
    to: (stage) => ({ ...stage, hasInterfaceEndpoints: false }),
  },
  {
    name: "no database reader",
    loses: "a failover takes minutes in place of seconds",
    to: (stage) => ({ ...stage, database: { ...stage.database, readers: 0 } }),
  },
  {
    name: "no database proxy",
    loses: "bursts of functions open connections of their own",
    to: (stage) => ({ ...stage, database: { ...stage.database, hasProxy: false } }),
  },
  {
    name: "no shared cache",
    loses: "each function looks roles up for itself",
    to: (stage) => ({ ...stage, hasCache: false }),
  },
];

/** What each switch would save of a month, dearest first; those that save nothing at this stage are left out. */
export function estimateSavings(input: CostInput): Saving[] {
  const stage = stageShapes[input.stage];
  const now = estimateBill(input, stage);
  return changes
    .map(({ name, loses, to }) => {
      const then = estimateBill(input, to(stage));
      return {
        name,
        loses,
        firstYearUsd: now.firstYearUsd - then.firstYearUsd,
        fullUsd: now.fullUsd - then.fullUsd,
      };
    })
    .filter(({ fullUsd }) => fullUsd >= 0.01)
    .toSorted((one, other) => other.fullUsd - one.fullUsd);
}

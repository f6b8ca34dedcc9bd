import type { CellName } from "./stage.ts";

/** Name of a role that another stack's policy has to name before it exists. */
export const roleName = (stage: string, part: string, cell: CellName): string =>
  `${stage}-strongroom-${part}-${cell}`;

/** The only roles that may open what is stored. */
export const openerRoles = (stage: string): string[] =>
  (["even", "odd"] as const).flatMap((cell) => [
    roleName(stage, "reader", cell),
    roleName(stage, "opener", cell),
  ]);

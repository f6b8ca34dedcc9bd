import type { ArtefactShape } from "./document-shape.ts";
import type { Age } from "./keep-artefact.ts";
import type { Cells, StageShape } from "./stage-shape.ts";

/** One thing that AWS bills. */
export type Charge = {
  service: string;
  item: string;
  /** Dollars a month, whatever is sent; may grow with the load. */
  fixedUsd: number;
  /** Dollars for each document, once. */
  documentUsd: number;
  /** Dollars that one document has cost up to an age, for being kept. */
  keptUsd: (age: Age) => number;
};

/** What charges are worked out from. */
export type Load = {
  stage: StageShape;
  cells: Cells;
  documentsPerDay: number;
  documentsPerMonth: number;
  /** Bytes of a document as sent, and its files: a photo is a file and a page. */
  sizeBytes: number;
  pages: number;
  artefacts: readonly ArtefactShape[];
};

type Given = Partial<Pick<Charge, "fixedUsd" | "documentUsd" | "keptUsd">>;

/** A charge of which nothing but what is given costs anything. */
export const charge = (service: string, item: string, given: Given): Charge => ({
  service,
  item,
  fixedUsd: 0,
  documentUsd: 0,
  keptUsd: () => 0,
  ...given,
});

/** Sum of a number over the artefacts of a mean document. */
export function overArtefacts(
  load: Pick<Load, "artefacts">,
  of: (artefact: ArtefactShape) => number,
): number {
  return load.artefacts.reduce((sum, artefact) => sum + artefact.perDocument * of(artefact), 0);
}

/** Cells that run, as a mean over a sprint: a shut cell runs while the two change places. */
export function runningCells(cells: Cells, overlapShare: number): number {
  return { single: 1, dual: 1 + overlapShare, both: 2 }[cells];
}

import { assumptions } from "./assumptions.ts";

/** Artefacts of one sort in the vault: how many a mean document has of them, and the size of one, sealed. */
export type ArtefactShape = { name: string; perDocument: number; sizeBytes: number };

const frameBytes = 256 * 1024;

/** Length of an artefact as an AWS Encryption SDK message: about 400 bytes of header, 32 for each frame. */
const sealedBytes = (sizeBytes: number): number => sizeBytes + 400 + 32 * Math.floor(sizeBytes / frameBytes);

/**
 * What a mean document puts into the vault. `pages` is a mean: page counts are taken as falling geometrically from one, so
 * that a share of 1 − 1/pages has several, pages + 1 of them on average, and those get a combined PDF.
 */
export function shapeDocument({ sizeBytes, pages }: { sizeBytes: number; pages: number }): ArtefactShape[] {
  const { renditionBytes, thumbnailBytes, captureFactsBytes } = assumptions;
  const shapes = [
    { name: "original", perDocument: pages, sizeBytes: sizeBytes / pages },
    { name: "page", perDocument: pages, sizeBytes: renditionBytes },
    { name: "thumbnail", perDocument: pages, sizeBytes: thumbnailBytes },
    { name: "combined", perDocument: 1 - 1 / pages, sizeBytes: (pages + 1) * renditionBytes },
    { name: "capture-facts", perDocument: 1, sizeBytes: captureFactsBytes },
  ];
  return shapes.map((shape) => ({ ...shape, sizeBytes: sealedBytes(shape.sizeBytes) }));
}

import { colourProfiles } from "./families/colour-profiles.ts";
import { containerBombs } from "./families/container-bombs.ts";
import { damagedCodecs } from "./families/damaged-codecs.ts";
import { decompressionBombs } from "./families/decompression-bombs.ts";
import { drawingBombs } from "./families/drawing-bombs.ts";
import { fileNames } from "./families/file-names.ts";
import { foreignTypes, stubsAndNoise } from "./families/foreign-types.ts";
import { lockedPdfs } from "./families/locked-pdfs.ts";
import { metadata } from "./families/metadata.ts";
import { parseBombs } from "./families/parse-bombs.ts";
import { pixelBombs } from "./families/pixel-bombs.ts";
import { polyglots } from "./families/polyglots.ts";
import { scriptedPdfs } from "./families/scripted-pdfs.ts";
import { mutations, truncations } from "./families/worn-files.ts";
import type { Honest } from "./honest.ts";
import type { ToxicFile } from "./toxic-file.ts";

/** How much of what comes in any number: places where each format is cut, and times that each is changed. */
export type Amount = { cuts: number; changes: number; seed: number };

/** Every toxic file, in the order of its family. @throws when two bear one name: our generators are wrong. */
export function makeToxicFiles(honest: Honest, { cuts, changes, seed }: Amount): ToxicFile[] {
  const files = [
    ...decompressionBombs(honest),
    ...pixelBombs(honest),
    ...parseBombs(),
    ...drawingBombs(),
    ...containerBombs(honest),
    ...polyglots(honest),
    ...foreignTypes(seed),
    ...stubsAndNoise(seed),
    ...metadata(honest),
    ...colourProfiles(honest),
    ...damagedCodecs(honest),
    ...lockedPdfs(),
    ...scriptedPdfs(),
    ...fileNames(honest),
    ...truncations(honest, cuts),
    ...mutations(honest, changes, seed),
  ];
  const twice = files.find(({ kind }, index) => files.findIndex((other) => other.kind === kind) !== index);
  if (twice) throw new Error(`two toxic files are called “${twice.kind}”`);
  return files;
}

import type { ReceiptClaims } from "@strongroom/core/receipt/receipt";
import { formatBytes, formatMoment } from "./words.ts";

/** A file that was compared with a receipt; `positions` are those of the originals that it is, none when it is none of them. */
export type FileCheck = { path: string; sizeBytes: number; sha256: string; positions: number[] };

/** A genuine receipt, and what of it the files at hand are, in lines for people. */
export function describeReceipt(
  claims: ReceiptClaims,
  files: readonly FileCheck[],
  verified: boolean,
): string[] {
  const count = claims.originals.length;
  const shown = new Set(files.flatMap(({ positions }) => positions));
  const absent = claims.originals
    .filter(({ position }) => !shown.has(position))
    .map(({ position }) => position);
  return [
    verified
      ? `VERIFIED: the receipt is genuine${files.length > 0 ? ", and every file is on it" : ""}.`
      : "NOT VERIFIED: the receipt is genuine, but not every file is on it.",
    `  document ${claims.document}, ${claims.kind}${claims.loadNumber === null ? "" : `, load ${claims.loadNumber}`}, confirmation code ${claims.confirmationCode}`,
    `  received ${formatMoment(claims.receivedAt)}, stored ${formatMoment(claims.storedAt)}, signed by ${claims.iss}`,
    ...files.map(({ path, sizeBytes, positions }) =>
      positions.length > 0
        ? `  ${path} is file ${positions.join(" and ")} of ${count}, ${formatBytes(sizeBytes)}, byte for byte`
        : `  ${path} is NOT on this receipt: it is another file, or was changed`,
    ),
    ...(absent.length > 0 ? [`  not compared: file ${absent.join(", ")} of ${count}`] : []),
  ];
}

import { type JwkSet, type JwsFault, verifyCompact } from "./compact-jws.ts";
import { parseClaims, type ReceiptClaims, receiptType } from "./receipt.ts";

/** A file at hand, to be found on a receipt; `sha256` is 64 lower-case hex digits. */
export type Original = { sha256: string; sizeBytes: number };

/** Why a receipt does not hold; `original_not_listed`: the receipt is genuine, but a given file is not on it. */
export type ReceiptFault = JwsFault | "not_a_receipt" | "original_not_listed";

/** What `verifyReceipt` finds; `positions` are those of the given originals, in the order given. */
export type ReceiptCheck =
  | { outcome: "valid"; claims: ReceiptClaims; positions: number[] }
  | { outcome: "invalid"; reason: ReceiptFault };

/** Verifies a receipt offline against the published keys, and each given file, hash and length, against the receipt. */
export async function verifyReceipt(
  jws: string,
  jwks: JwkSet,
  originals: Original[] = [],
): Promise<ReceiptCheck> {
  const check = await verifyCompact(jws, jwks, receiptType);
  if (check.outcome === "invalid") return check;
  const claims = parseClaims(check.payload);
  if (claims === null) return { outcome: "invalid", reason: "not_a_receipt" };
  const positions = originals.map((original) => positionOf(claims, original));
  if (!allFound(positions)) return { outcome: "invalid", reason: "original_not_listed" };
  return { outcome: "valid", claims, positions };
}

const allFound = (positions: (number | null)[]): positions is number[] => !positions.includes(null);

function positionOf(claims: ReceiptClaims, original: Original): number | null {
  const { sha256, sizeBytes } = original;
  const listed = claims.originals.find((one) => one.sha256 === sha256 && one.sizeBytes === sizeBytes);
  return listed?.position ?? null;
}

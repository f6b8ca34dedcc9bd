/** How much a suite does: `nightly` are the counts of the promises, `ci` a share of them that is quick. */
export type ProofSize = "ci" | "nightly";

/** What `PROOF_SIZE` asks for; `ci` when nothing does. Throws for any other word: it would run at a size that nobody meant. */
export function proofSize(asked = process.env["PROOF_SIZE"] ?? "ci"): ProofSize {
  if (asked === "ci" || asked === "nightly") return asked;
  throw new Error(`PROOF_SIZE is "ci" or "nightly", not "${asked}"`);
}

import type { Connection } from "@strongroom/core/ports/database";
import { judgeReceipts } from "../check/judge-evidence.ts";
import { judgeVault } from "../check/judge-objects.ts";
import type { Entry, PublicKey, Verdict } from "../check/judged-run.ts";
import { readState } from "../vault/read-state.ts";

/** A document as its sender had it: what must be there again. */
export type Kept = {
  tenant: string;
  user: string;
  document: string;
  files: Pick<KeptFile, "sha256" | "sizeBytes">[];
};
type KeptFile = Extract<Entry, { what: "planned" }>["files"][number];

/**
 * What the independent judge says of a restored installation, without a line of the product: every object opened with the
 * root key, its digests against its row (I2), its originals against those that were sent (P2), its receipt's signature
 * against the keys that were published before the loss (P2b).
 */
export async function judgeRestored(
  superuser: Connection,
  dataDirectory: string,
  { kept, keys }: { kept: Kept[]; keys: PublicKey[] },
): Promise<Verdict[]> {
  const history: Entry[] = [
    ...kept.map(({ files, ...of }) => ({
      at: 0,
      what: "planned" as const,
      fate: "kept" as const,
      files: files.map((file, index) => ({ ...file, position: index + 1, requests: 1 })),
      ...of,
    })),
    { at: 0, what: "keys", keys },
  ];
  const state = await readState(superuser, dataDirectory, { history });
  return [...judgeVault(state), judgeReceipts(state)];
}

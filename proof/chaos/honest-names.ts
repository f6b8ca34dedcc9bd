import { createHash, randomUUID } from "node:crypto";

/** Whom and what the run of `honest-run.ts` is about. */
export const [tenant, driver] = [randomUUID(), randomUUID()];
export const phone = randomUUID();
export const [stored, rejected, waiting] = [randomUUID(), randomUUID(), randomUUID()];
export const dumpedAt = Date.parse("2030-01-01T12:00:00.000Z");
export const ago = (ms: number) => new Date(dumpedAt - ms).toISOString();
export const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
export const page = (document: string) => Buffer.from(`page of ${document}`);
export const stagingKey = (document: string) => `s/${tenant}/${document}/1/nonce`;
/** Ends that were told: document and version. */
export const told: [string, number][] = [
  [stored, 3],
  [rejected, 3],
  [rejected, 5],
];

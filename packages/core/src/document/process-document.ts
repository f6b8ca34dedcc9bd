import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Claim, claimDocument } from "../job/claim-document.ts";
import { countCrash } from "../job/count-crash.ts";
import { holdLease, LeaseLost } from "../job/hold-lease.ts";
import { releaseDocument, retryDocument } from "../job/release-document.ts";
import type { Doorbell } from "../job/ring-doorbell.ts";
import type { Ports } from "../ports/ports.ts";
import { type Fetch, fetchFiles } from "./fetch-files.ts";
import { listArtefacts } from "./list-artefacts.ts";
import { checksumMismatch, pageName } from "./rejection.ts";
import { renderFiles } from "./render-files.ts";
import type { Renderer } from "./rendering.ts";
import { sealDocument, type Sealer } from "./seal-document.ts";
import { rejectDocument, storeDocument } from "./store-document.ts";

/** Deaths of workers in hand of one document that call for a person; it is tried on all the same. */
const deadlyClaims = 10;

export type ProcessPorts = Pick<
  Ports,
  "objects" | "queue" | "keys" | "database" | "clock" | "ids" | "log" | "config"
>;
/** How bytes get to this worker and from it into the vault: the simulation of the protocol gives its own, without any. */
export type Carrier = {
  /** Lends a directory below `parent` that is gone, with all that is in it, when `work` is over. */
  inScratch: <T>(parent: string, work: (directory: string) => Promise<T>) => Promise<T>;
  fetch?: Fetch;
  sealer?: Sealer;
};
/**
 * `worker` stands in the audit trail; `stopping` releases what is in hand; plaintext lies in `scratch` while it is worked on; `mayBegin`
 * resolves when a document that was claimed may be worked on: its lease is held meanwhile.
 */
type ProcessOptions = {
  renderer: Renderer;
  worker: string;
  stopping: AbortSignal;
  scratch?: string;
  carrier?: Carrier;
  mayBegin?: () => Promise<void>;
};
/** `skipped`: not claimable; `lost`: another attempt has it. In every case the doorbell may be acknowledged. */
export type Processed = "stored" | "rejected" | "failed" | "retried" | "released" | "lost" | "skipped";
/** What became of a document; `fault`: what made it `retried` or `failed`. */
export type Processing = { outcome: Processed; fault?: Error };

/**
 * Takes one document from `received` to where it ends: claim, fetch and hash, render, seal, store. Idempotency key: the
 * document; a repeated or late doorbell finds nothing to claim. Throws only when the database cannot be reached.
 */
export async function processDocument(
  ports: ProcessPorts,
  bell: Doorbell,
  options: ProcessOptions,
): Promise<Processing> {
  const claim = await claimDocument(ports, bell, options.worker);
  if (!claim) return { outcome: "skipped" };
  if (claim.document.claims >= deadlyClaims)
    ports.log.error("document.kills_workers", {
      documentId: claim.document.id,
      claims: claim.document.claims,
    });
  const { inScratch } = options.carrier ?? onDisk;
  try {
    const outcome = await holdLease(ports, claim, async (lost) => {
      await options.mayBegin?.();
      return await inScratch(options.scratch ?? tmpdir(), (directory) =>
        attempt(ports, claim, directory, lost, options),
      );
    });
    return { outcome };
  } catch (error) {
    return await giveUp(ports, claim, error as Error, options.stopping);
  }
}

async function giveUp(
  ports: ProcessPorts,
  claim: Claim,
  error: Error,
  stopping: AbortSignal,
): Promise<Processing> {
  if (error instanceof LeaseLost) return { outcome: "lost" };
  if (!stopping.aborted) return { outcome: await retryDocument(ports, claim, error), fault: error };
  await releaseDocument(ports, claim);
  return { outcome: "released" };
}

async function attempt(
  ports: ProcessPorts,
  claim: Claim,
  directory: string,
  lost: AbortSignal,
  options: ProcessOptions,
): Promise<Processed> {
  const signal = AbortSignal.any([lost, options.stopping]);
  try {
    return await work(ports, claim, directory, signal, options);
  } catch (error) {
    if (lost.aborted) throw lost.reason; // whatever broke afterwards broke because of it
    throw error;
  }
}

async function work(
  ports: ProcessPorts,
  claim: Claim,
  directory: string,
  signal: AbortSignal,
  { renderer, carrier = onDisk }: ProcessOptions,
): Promise<"stored" | "rejected"> {
  const { document, files, token } = claim;
  const fetched = await fetchFiles(ports, files, directory, signal, carrier.fetch);
  const altered = fetched.find(({ intact }) => !intact);
  if (altered)
    return await reject(ports, claim, checksumMismatch(pageName(altered.file.position, files.length)));
  const rendered = await renderFiles(renderer, fetched, {
    signal,
    crashesBefore: document.decode_crashes,
    onCrash: (file, givenUp) => countCrash(ports, claim, file, givenUp),
  });
  if (!Array.isArray(rendered)) return await reject(ports, claim, rendered);
  const artefacts = listArtefacts(rendered);
  signal.throwIfAborted();
  const sealing = { tenantId: document.tenant_id, documentId: document.id, token, artefacts, signal };
  const sealed = await sealDocument(ports, sealing, carrier.sealer);
  await storeDocument(ports, claim, { files: rendered, sealed, isolation: renderer.isolation });
  return "stored";
}

async function reject(
  ports: ProcessPorts,
  claim: Claim,
  rejection: Parameters<typeof rejectDocument>[2],
): Promise<"rejected"> {
  await rejectDocument(ports, claim, rejection);
  return "rejected";
}

const onDisk: Carrier = {
  async inScratch(parent, work) {
    const directory = await mkdtemp(join(parent, "strongroom-work-"));
    try {
      return await work(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

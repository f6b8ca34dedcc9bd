import type { CloudEvent } from "@strongroom/core/event/event";
import { chainAudit } from "@strongroom/core/audit/chain-audit";
import type { Config } from "@strongroom/core/config";
import { rejectDocument, storeDocument } from "@strongroom/core/document/store-document";
import { relayEvents } from "@strongroom/core/event/relay-events";
import type { DocumentId } from "@strongroom/core/ids";
import { type Claim, claimDocument } from "@strongroom/core/job/claim-document";
import { countCrash } from "@strongroom/core/job/count-crash";
import { redriveDocument } from "@strongroom/core/job/redrive-document";
import { releaseDocument, retryDocument } from "@strongroom/core/job/release-document";
import { ringSilent } from "@strongroom/core/job/ring-silent";
import { notifyUser } from "@strongroom/core/notice/notify-user";
import type { Ports } from "@strongroom/core/ports/ports";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import { expireGrants, receiveSilent } from "@strongroom/core/upload/expire-grants";
import { ingestUpload } from "@strongroom/core/upload/ingest-upload";
import { reconcile } from "@strongroom/core/upload/reconcile";
import { sweep } from "@strongroom/core/upload/sweep";
import { agnes, dora, sha256, sizeBytes } from "./two-databases.ts";

const minute = 60_000;

/** What one side remembers between two commands. */
export type Memory = { claims: Map<string, Claim>; version: number };
/** One thing to do to a document; `number` varies what is done. */
export type Command = (
  ports: Ports,
  documentId: DocumentId,
  memory: Memory,
  number: number,
) => Promise<unknown>;

/** The same ports, with some periods changed: what is past and what is not must not depend on how fast a test runs. */
function withPeriods(ports: Ports, periods: Partial<Config["periods"]>): Ports {
  return { ...ports, config: { ...ports.config, periods: { ...ports.config.periods, ...periods } } };
}

/** Does something under the last claim of a document, if there was one: it may be over by now. */
function claimed(act: (ports: Ports, claim: Claim) => Promise<unknown>): Command {
  return async (ports, documentId, { claims }) => {
    const claim = claims.get(documentId);
    return claim ? await act(ports, claim) : "not claimed";
  };
}

/** Everything that the simulated processes do to the database, each as one command. */
export const commands: Readonly<Record<string, Command>> = {
  accept: (ports, id, _memory, number) =>
    acceptUpload(ports, dora, {
      id,
      kind: number % 7 === 0 ? "unknown" : "cmr",
      note: number % 5 === 0 ? "another request" : null,
      files: [1, 2].map((page) => ({ name: `${page}.jpg`, mediaType: "image/jpeg", sizeBytes, sha256 })),
    }).then(({ created, document }) => [created, document.state, document.timeline.length]),
  complete: (ports, id) => completeUpload(ports, dora, id).then(({ state, version }) => [state, version]),
  ingest: async (ports, id) => {
    const files = await ports.database.withTenant(dora.tenantId, (tx) =>
      tx
        .selectFrom("document_file")
        .select("staging_key")
        .where("document_id", "=", id)
        .orderBy("position")
        .execute(),
    );
    for (const { staging_key: key } of files) await ingestUpload(ports, key);
  },
  claim: async (ports, id, { claims }, number) => {
    const lease = number % 2 === 0 ? 60 * minute : -50 * minute;
    const claim = await claimDocument(
      withPeriods(ports, { lease }),
      { tenantId: dora.tenantId, documentId: id },
      "w",
    );
    if (claim) claims.set(id, claim);
    return claim && [claim.token, claim.document.claims, claim.files.length];
  },
  store: claimed((ports, claim) => storeDocument(ports, claim, storable(claim))),
  reject: claimed((ports, claim) =>
    rejectDocument(ports, claim, { reason: "blank", detail: "It is blank." }),
  ),
  retry: claimed((ports, claim) =>
    retryDocument(withPeriods(ports, { retryCap: 0 }), claim, new Error("ours")),
  ),
  release: claimed(releaseDocument),
  crash: claimed((ports, claim) =>
    countCrash(ports, claim, claim.files[0]!, { mediaType: "image/jpeg", noPreview: "timed_out" }),
  ),
  redrive: (ports, id) => redriveDocument(ports, agnes, id).then(({ state }) => state),
  ring: (ports, _id, _memory, number) =>
    ringSilent(withPeriods(ports, { silence: number % 2 === 0 ? -minute : minute })),
  look: (ports) => receiveSilent(withPeriods(ports, { silence: -minute, grant: 60 * minute })),
  expire: (ports, id) => expire(ports, id),
  relay: (ports) => relayEvents(ports).then(({ published, failedKeys }) => [published, failedKeys]),
  notify: (ports, id, memory) => notifyUser(ports, recordOf(id, ++memory.version)),
  chain: (ports) => chainAudit(ports),
  reconcile: (ports) =>
    reconcile(withPeriods(ports, { keepStored: -minute, keepRejected: -minute, keepPublished: 60 * minute })),
  sweep: (ports) => sweep(ports),
};

/** A grant that ended an hour ago, without one of its pages. */
async function expire(ports: Ports, id: DocumentId): Promise<number> {
  const past = new Date(ports.clock.now().getTime() - 60 * minute);
  await ports.database.withTenant(dora.tenantId, async (tx) => {
    await tx
      .updateTable("document")
      .set({ grant_expires_at: past })
      .where("tenant_id", "=", dora.tenantId)
      .where("id", "=", id)
      .where("state", "=", "granted")
      .execute();
    await tx.updateTable("document_file").set({ arrived_at: null }).where("document_id", "=", id).execute();
  });
  return await expireGrants({ ...ports, objects: { ...ports.objects, head: async () => null } });
}

function storable({ document, files, token }: Claim): Parameters<typeof storeDocument>[2] {
  return {
    isolation: { network: "none", memoryLimit: "rlimit", environment: "empty" },
    files: files.map((file) => ({
      file,
      path: "",
      fingerprint: "",
      mediaType: "image/jpeg",
      pages: [],
      pageCount: 1,
      noPreview: null,
      text: [`page ${file.position}`],
      captureFacts: null,
    })),
    sealed: {
      wrappedKey: Uint8Array.of(1, 2, 3),
      rootKeyId: "root",
      artefacts: files.map((file) => ({
        name: `original-${file.position}`,
        mediaType: "image/jpeg",
        sizeBytes,
        sha256,
        sealedSizeBytes: 200,
        sealedSha256: sha256,
        vaultKey: `v/00/${document.id}/${token}/original-${file.position}`,
        versionId: "v1",
      })),
    },
  };
}

function recordOf(id: DocumentId, version: number) {
  const event: CloudEvent = {
    specversion: "1.0",
    id: `01980000-0000-7000-c000-${String(1 + (version % 5)).padStart(12, "0")}`,
    source: "strongroom/even",
    type: "document.stored.v1",
    subject: id,
    time: "2026-01-05T00:00:00.000Z",
    datacontenttype: "application/json",
    tenant: dora.tenantId,
    cell: "even",
    version: 1 + (version % 4),
    data: { ownerId: dora.userId },
  };
  const value = JSON.stringify(event);
  return { key: id, value, headers: {}, topic: "documents" as const, partition: 0, offset: String(version) };
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { StandingPoint } from "./controls.ts";

const root = join(import.meta.dirname, "..", "..");

/** One change of a source text while it is loaded; `from` must stand in the file exactly once. */
export type SourceEdit = { file: string; from: string; to: string };

const attempt = "packages/core/src/document/process-document.ts";
const sealing = "packages/core/src/document/seal-document.ts";

/**
 * What every run changes, broken or not: the supervisor's own times go by the same divisor as all periods, workers are
 * loaded as their parent is, and the ports of each process pass through `strongroomChaos`, which makes them flaky.
 */
export const harnessEdits: SourceEdit[] = [
  {
    file: "packages/local/src/workers.ts",
    from: "[...nodeOptions, entry, kind]",
    to: `[...nodeOptions, "--import", globalThis.strongroomChaos.preload, entry, kind]`,
  },
  {
    file: "packages/local/src/workers.ts",
    from: "const wellMs = 10_000;",
    to: "const wellMs = 10_000 / globalThis.strongroomChaos.timeDivisor;",
  },
  {
    file: "packages/local/src/workers.ts",
    from: "const backoffMs = { first: 250, most: 10_000 };",
    to: "const backoffMs = { first: 250 / globalThis.strongroomChaos.timeDivisor, most: 10_000 / globalThis.strongroomChaos.timeDivisor };",
  },
  {
    file: "packages/local/src/system.ts",
    from: "const ports = await connectEmbedded(config, log);",
    to: "const ports = globalThis.strongroomChaos.wrap(await connectEmbedded(config, log));",
  },
  {
    file: "packages/eks-workers/src/ports.ts",
    from: "return await connectEmbedded(config, log);",
    to: "return globalThis.strongroomChaos.wrap(await connectEmbedded(config, log));",
  },
  standing("at claim", attempt, "const fetched = await fetchFiles(", "document.id"),
  standing("decoded", attempt, "const artefacts = listArtefacts(rendered);", "document.id"),
  standing("key made", sealing, "const sealOne = (artefact: Artefact) => {", "documentId"),
  {
    file: sealing,
    from: "pipeline(expecting(artefact, last), seal(to, dataKey)",
    to: `pipeline(globalThis.strongroomChaos.thenStand("put started", to.documentId, expecting(artefact, last)), seal(to, dataKey)`,
  },
  standing("put done", sealing, "const { versionId, sent } = stored;", "one.to.documentId"),
  standing("before commit", attempt, "await storeDocument(ports, claim,", "document.id"),
  {
    file: "packages/eks-workers/src/processor.ts",
    from: "const { outcome } = processing;",
    to: `const { outcome } = processing; if (outcome === "stored" || outcome === "rejected") globalThis.strongroomChaos.stand("before ack", bell.documentId);`,
  },
  adapterFaults("createEmbeddedQueue({ connection, ", "queue"),
  adapterFaults("createEmbeddedStream({ connection, log, ", "stream"),
  {
    file: "packages/core/src/embedded/connect.ts",
    from: `onStored: ({ key }) => queue.send("ingest", writeUploadEvent(key)),`,
    to: `onStored: ({ key }) => globalThis.strongroomChaos.dropsEvent() ? undefined : queue.send("ingest", writeUploadEvent(key)),`,
  },
];

/** An adapter with faults of its own, each counted as one of this port. */
function adapterFaults(opening: string, port: "queue" | "stream"): SourceEdit {
  return {
    file: "packages/core/src/embedded/connect.ts",
    from: `${opening}...(faults && { faults }) })`,
    to: `${opening}faults: globalThis.strongroomChaos.faults("${port}") })`,
  };
}

/** A point at which the next processor that comes there may be made to stand still; `document`: an expression for its id. */
function standing(point: StandingPoint, file: string, from: string, document: string): SourceEdit {
  return { file, from, to: `globalThis.strongroomChaos.stand("${point}", ${document}); ${from}` };
}

/** The path below the repository that a module's URL names; null for modules of others. */
export function fileOf(url: string): string | null {
  const path = url.startsWith("file://") ? decodeURIComponent(new URL(url).pathname) : "";
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null;
}

/** A source text with its edits; throws when a text to replace is not there exactly once. */
export function edited(file: string, source: string, edits: readonly SourceEdit[]): string {
  return edits
    .filter((edit) => edit.file === file)
    .reduce((text, { from, to }) => {
      const pieces = text.split(from);
      if (pieces.length !== 2)
        throw new Error(`${file} has ${pieces.length - 1} places, not one, that read: ${from}`);
      return pieces.join(to);
    }, source);
}

/** Throws when an edit does not fit the sources any more: an edit that changes nothing would prove nothing. */
export function checkEdits(edits: readonly SourceEdit[]): void {
  for (const { file } of edits) edited(file, readFileSync(join(root, file), "utf8"), edits);
}

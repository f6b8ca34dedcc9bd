import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { systemClock } from "@strongroom/core/clock";
import { sha256Hex } from "@strongroom/core/digest";
import { fingerprintOf } from "@strongroom/core/fingerprint";
import { listArtefacts } from "@strongroom/core/document/list-artefacts";
import type { RenderedFile } from "@strongroom/core/document/render-files";
import { sealDocument } from "@strongroom/core/document/seal-document";
import { createEmbeddedKeys } from "@strongroom/core/embedded/keys";
import { createEmbeddedObjects } from "@strongroom/core/embedded/objects";
import { systemIds } from "@strongroom/core/ids";

/** Size of the artefact that is sealed. */
export const megabytes = 50;

/** Opens keys and a vault in a directory; each call of the answer seals the bytes, from a file, as one document of one artefact. */
export async function openSealer(directory: string, bytes: Buffer): Promise<() => Promise<void>> {
  setFlagsFromString("--no-incremental-marking"); // as workers are started
  const keys = await createEmbeddedKeys({ directory: join(directory, "keys") });
  const objects = createEmbeddedObjects({
    root: join(directory, "objects"),
    publicUrl: "http://127.0.0.1/objects",
    signingKey: randomBytes(32),
    clock: systemClock,
  });
  const path = join(directory, "original");
  await writeFile(path, bytes);
  const file = { position: 1, size_bytes: bytes.length, sha256: sha256Hex(bytes) } as RenderedFile["file"];
  const fetched = { file, path, fingerprint: fingerprintOf(bytes), mediaType: "image/jpeg" };
  const artefacts = listArtefacts([
    { ...fetched, pages: [], pageCount: 1, noPreview: null, text: null, captureFacts: null },
  ]);
  let token = 0;
  return async () => {
    const [tenantId, documentId] = [systemIds.uuid(), systemIds.uuid()];
    const { signal } = new AbortController();
    await sealDocument({ objects, keys }, { tenantId, documentId, token: ++token, artefacts, signal });
  };
}

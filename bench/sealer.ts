import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { systemClock } from "@strongroom/core/clock";
import { sha256Hex } from "@strongroom/core/digest";
import { sealDocument } from "@strongroom/core/document/seal-document";
import { createEmbeddedKeys } from "@strongroom/core/embedded/keys";
import { createEmbeddedObjects } from "@strongroom/core/embedded/objects";
import { systemIds } from "@strongroom/core/ids";

/** Size of the artefact that is sealed. */
export const megabytes = 50;

/** Opens keys and a vault in a directory; each call of the answer seals the bytes as one document of one artefact. */
export async function openSealer(directory: string, bytes: Buffer): Promise<() => Promise<void>> {
  setFlagsFromString("--no-incremental-marking"); // as workers are started
  const keys = await createEmbeddedKeys({ directory: join(directory, "keys") });
  const objects = createEmbeddedObjects({
    root: join(directory, "objects"),
    publicUrl: "http://127.0.0.1/objects",
    signingKey: randomBytes(32),
    clock: systemClock,
  });
  const artefact = {
    name: "original-1",
    mediaType: "image/jpeg",
    sizeBytes: bytes.length,
    sha256: sha256Hex(bytes),
    open: () => Readable.from(pieces(bytes)),
  };
  let token = 0;
  return async () => {
    const [tenantId, documentId] = [systemIds.uuid(), systemIds.uuid()];
    const { signal } = new AbortController();
    await sealDocument(
      { objects, keys },
      { tenantId, documentId, token: ++token, artefacts: [artefact], signal },
    );
  };
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

import { createHash, randomBytes } from "node:crypto";
import type { Client } from "@strongroom/cli/client";
import { systemIds } from "@strongroom/core/ids";

/**
 * Sends one document of one photo as a driver's phone does: grant, signed PUT, complete. Random bytes after the picture's
 * end make each one of its own. Answers its id once it is received.
 */
export async function sendDocument(client: Client, photo: Uint8Array): Promise<string> {
  const bytes = Buffer.concat([photo, randomBytes(16)]);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const id = systemIds.uuid();
  const declared = { name: "photo.jpg", mediaType: "image/jpeg", sizeBytes: bytes.length, sha256 };
  const body = { id, kind: "other", loadNumber: null, note: null, replaces: null, files: [declared] };
  const { uploads } = await client.call("acceptUpload", { body });
  const { url, headers } = uploads[0]!.requests[0]!;
  const answer = await fetch(url, { method: "PUT", headers, body: bytes });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`the upload was answered ${answer.status}`);
  await client.call("completeUpload", { params: { id } });
  return id;
}

import { createHash, randomFillSync } from "node:crypto";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import type { Client } from "@strongroom/cli/client";
import { systemIds } from "@strongroom/core/ids";

const agent = new Agent({ keepAlive: true });
/** Random bytes after the picture's end, which make each one of its own. */
const tailBytes = 16;
/** Copies that are not under way. Made anew, each would cost the sender, and so the cores that are measured, a collection. */
const idle = new Map<Uint8Array, Buffer[]>();

/** Sends one document of one photo as a driver's phone does: grant, signed PUT, complete. Answers its id once it is received. */
export async function sendDocument(client: Client, photo: Uint8Array): Promise<string> {
  const copies = idle.get(photo) ?? [];
  idle.set(photo, copies);
  const bytes = copies.pop() ?? Buffer.concat([photo, Buffer.alloc(tailBytes)]);
  randomFillSync(bytes, photo.length);
  try {
    return await send(client, bytes);
  } finally {
    copies.push(bytes);
  }
}

async function send(client: Client, bytes: Buffer): Promise<string> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const id = systemIds.uuid();
  const declared = { name: "photo.jpg", mediaType: "image/jpeg", sizeBytes: bytes.length, sha256 };
  const body = { id, kind: "other", loadNumber: null, note: null, replaces: null, files: [declared] };
  const { uploads } = await client.call("acceptUpload", { body });
  const { url, headers } = uploads[0]!.requests[0]!;
  const status = await put(url, headers, bytes);
  if (status !== 200) throw new Error(`the upload was answered ${status}`);
  await client.call("completeUpload", { params: { id } });
  return id;
}

async function put(url: string, headers: Record<string, string>, bytes: Buffer): Promise<number> {
  const sending = request(url, { method: "PUT", headers, agent });
  sending.on("error", () => {}); // the first is told below; a second would end us, and hide what was wrong
  sending.end(bytes);
  const [answer] = (await once(sending, "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
  return answer.statusCode!;
}

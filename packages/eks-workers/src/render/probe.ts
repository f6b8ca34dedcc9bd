/** Runs in a cage like a decode child's and tells its parent how far it gets; see `isolation.ts`. */
import { connect } from "node:net";
import { setTimeout as after } from "node:timers/promises";
import { frameFd, readFrameSync, writeFrameSync } from "./frames.ts";

const question = readFrameSync(frameFd)?.header as { port: number; memoryBytes: number } | undefined;
if (!question) process.exit(1);
const { sharp } = await import("./codecs.ts");
await sharp({ create: { width: 8, height: 8, channels: 3, background: "#ffffff" } })
  .jpeg()
  .toBuffer();
const header = {
  reachedNetwork: await reaches(question.port),
  environment: Object.keys(process.env),
  memoryIsLimited: !canReserve(question.memoryBytes),
};
writeFrameSync(frameFd, { header, blobs: [] });
process.exit(0);

/** Only an answer of the kernel that there is no way counts as unreachable; silence proves nothing. */
async function reaches(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const refused = new Promise<boolean>((resolve) => socket.once("error", () => resolve(false)));
  const connected = new Promise<boolean>((resolve) => socket.once("connect", () => resolve(true)));
  return Promise.race([refused, connected, after(1_000, true)]);
}

function canReserve(bytes: number): boolean {
  try {
    return new ArrayBuffer(bytes).byteLength === bytes;
  } catch {
    return false;
  }
}

/**
 * The sandboxed process: reads jobs from its socket pair, one after another, decodes, answers. It opens no file and no
 * connection, reads no environment, and ends when its parent does.
 */
import { setImmediate } from "node:timers/promises";
import type { MediaType, RenderedImage } from "@strongroom/core/document/rendering";
import { sharp } from "./codecs.ts";
import type { Decoded } from "./decoded.ts";
import { type Frame, frameFd, readFrameSync, writeFrameSync } from "./frames.ts";
import { type ImageRef, type Job, readyHeader } from "./job.ts";
import type { Allowance } from "./limits.ts";
import { renderPhoto } from "./photo.ts";
import { releaseMemory } from "./release-memory.ts";

/** The pixels that two 12-megapixel photos pass through. */
const keptGarbageBytes = 24 * 1024 * 1024;
/** What outlives a collection: the memory of WebAssembly codecs, mostly. */
let externalInUse = process.memoryUsage().external;

await warmUp();
writeFrameSync(frameFd, { header: readyHeader, blobs: [] });
let isCompiling = true;
while (await answerNext()) {
  isCompiling = false;
  await dropGarbage();
}
// Without any job it is the one whose compiled code the others start from: they need all of it.
if (isCompiling) await Promise.all([import("./heic.ts"), import("./pdf.ts")]);
process.exit(0);

/** Photos of one colour that a child renders before its first job, whose code would be compiled and called first otherwise: 35 CPU-ms of 100. */
async function warmUp(): Promise<void> {
  const photo = await sharp({ create: { width: 64, height: 64, channels: 3, background: "white" } })
    .jpeg()
    .toBuffer();
  const allowance = { previewPages: 1, softDeadlineMs: 1_000 };
  for (let times = 0; times < 3; times += 1) await renderPhoto(photo, "image/jpeg", allowance);
}

/** Takes one job and answers it; false when the parent has no more. */
async function answerNext(): Promise<boolean> {
  const job = readFrameSync(frameFd);
  if (job === null) return false;
  const given = await answer(job);
  writeFrameSync(frameFd, given);
  for (const blob of [...job.blobs, ...given.blobs]) releaseMemory(blob);
  return true;
}

/**
 * Pixels lie outside of V8's heap, and of their own accord V8 lets 64 MB of them lie about. A collection takes 12 ms, so
 * not after each job; afterwards the event loop has to turn once, for codecs to hear that their buffers are free.
 */
async function dropGarbage(): Promise<void> {
  if (process.memoryUsage().external < externalInUse + keptGarbageBytes) return;
  globalThis.gc?.();
  await setImmediate();
  externalInUse = process.memoryUsage().external;
}

async function answer({ header, blobs }: Frame): Promise<Frame> {
  try {
    return packed(await decode(header as Job, blobs));
  } catch (error) {
    // Decoders answer for the file themselves; what gets here is meant by none of them: the parent tries once more.
    const message = (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, 500);
    return { header: { outcome: "fault", message }, blobs: [] };
  }
}

function decode({ mediaType, allowance }: Job, blobs: Uint8Array[]): Promise<Decoded> {
  const [bytes] = blobs;
  return render(Buffer.from(bytes!.buffer, bytes!.byteOffset, bytes!.byteLength), mediaType, allowance);
}

/** libheif and PDFium take 80 to 110 ms each to load: only when somebody needs them. */
async function render(bytes: Buffer, mediaType: MediaType, allowance: Allowance): Promise<Decoded> {
  if (mediaType === "image/heic") return (await import("./heic.ts")).renderHeic(bytes);
  if (mediaType === "application/pdf") return (await import("./pdf.ts")).renderPdf(bytes, allowance);
  return renderPhoto(bytes, mediaType, allowance);
}

function packed(decoded: Decoded): Frame {
  if (decoded.outcome !== "rendered") return { header: decoded, blobs: [] };
  const blobs: Uint8Array[] = [];
  const ref = ({ bytes, width, height }: RenderedImage): ImageRef => ({
    blob: blobs.push(bytes) - 1,
    width,
    height,
  });
  const pages = decoded.pages.map(({ rendition, thumbnail, legibility }) => ({
    rendition: ref(rendition),
    thumbnail: ref(thumbnail),
    legibility,
  }));
  return { header: { ...decoded, pages }, blobs };
}

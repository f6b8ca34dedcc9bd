import { open } from "node:fs/promises";
import { type Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { type Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { UploadRequest } from "@strongroom/core/api-shapes";

/** What became of one signed PUT. */
export type PutOutcome =
  | { outcome: "sent" }
  /** 412: somebody put this; `complete` decides whether it is ours. */
  | { outcome: "exists" }
  /** 409: two writers met; the same PUT again. */
  | { outcome: "conflict" }
  /** 403 or 404: the signature or the multipart upload is over; sign anew. */
  | { outcome: "expired"; status: number; answer: string }
  | { outcome: "busy"; status: number; retryAfterSeconds: number | null }
  | { outcome: "refused"; status: number; answer: string }
  /** No answer: nobody knows whether it arrived. */
  | { outcome: "lost"; cause: Error }
  /** The file on disk is shorter or longer than declared. */
  | { outcome: "changed" };

/** `agent` must fit the URL's protocol. */
export type PutOptions = {
  agent: HttpAgent | HttpsAgent;
  /** Size of the whole file as it was declared. */
  fileBytes: number;
  /** A connection without any sign of life for this long is given up. */
  silenceMs: number;
  onSent: (bytes: number) => void;
  signal?: AbortSignal | undefined;
};

const readBytes = 256 * 1024;
/** Enough of a refusal to show it. */
const answerBytes = 4 * 1024;

/**
 * Sends one part of a file exactly as it was signed, streamed from disk with its length declared (fetch would send a
 * stream chunked, which the store refuses). Never rejects for what the network or the store does.
 */
export async function sendPart(put: UploadRequest, path: string, options: PutOptions): Promise<PutOutcome> {
  const file = await open(path);
  try {
    if ((await file.stat()).size !== options.fileBytes) return { outcome: "changed" };
    const body = file.createReadStream({
      start: put.offset,
      end: put.offset + put.sizeBytes - 1,
      highWaterMark: readBytes,
      autoClose: false,
    });
    return await exchange(put, body, options);
  } finally {
    await file.close();
  }
}

function exchange(
  put: UploadRequest,
  body: NodeJS.ReadableStream & { destroy(): unknown },
  options: PutOptions,
): Promise<PutOutcome> {
  return new Promise((resolve) => {
    let readSoFar = 0;
    const send = put.url.startsWith("https:") ? httpsRequest : httpRequest;
    const request = send(put.url, {
      method: put.method,
      headers: { ...put.headers, "content-length": put.sizeBytes },
      agent: options.agent,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const settle = (outcome: PutOutcome) => {
      resolve(outcome);
      body.destroy();
      if (!request.writableFinished) request.destroy(); // the rest of the body is not wanted
    };
    request.setTimeout(options.silenceMs, () =>
      request.destroy(new Error(`no sign of life for ${options.silenceMs} ms`)),
    );
    request.once("error", (cause) => settle({ outcome: "lost", cause }));
    request.once("response", (response) => void judge(response).then(settle));
    body.once("error", (cause: Error) => request.destroy(cause));
    body.on("data", (bytes: Buffer) => {
      readSoFar += bytes.length;
      options.onSent(bytes.length);
    });
    body.once("end", () => {
      if (readSoFar < put.sizeBytes) settle({ outcome: "changed" });
    });
    body.pipe(request);
  });
}

async function judge(response: IncomingMessage): Promise<PutOutcome> {
  const status = response.statusCode ?? 0;
  const answer = await readAnswer(response);
  if (status >= 200 && status < 300) return { outcome: "sent" };
  if (status === 412) return { outcome: "exists" };
  if (status === 409) return { outcome: "conflict" };
  if (status === 403 || status === 404) return { outcome: "expired", status, answer };
  if (status === 429 || status >= 500)
    return { outcome: "busy", status, retryAfterSeconds: retryAfter(response) };
  return { outcome: "refused", status, answer };
}

/** The body of an answer as text, cut at 4 KiB; a body that breaks off says what it said so far. */
async function readAnswer(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      if (size < answerBytes) pieces.push(piece);
      size += piece.length;
    }
  } catch {
    // The status has been told; that is what counts.
  }
  return Buffer.concat(pieces).toString().slice(0, answerBytes);
}

function retryAfter(response: IncomingMessage): number | null {
  const seconds = Number(response.headers["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Problem } from "./object-admission.ts";

/** What the upload server says to a request. */
export type Answer = { status: number; headers?: Record<string, string>; problem?: Problem };

/** A refused body is thrown away for so long, so that the client reads the answer before the connection breaks. */
const lingerMs = 2000;
/** The longest single PUT that is granted; who sends more is cut off. */
const lingerBytes = 16 * 1024 * 1024;

/** The address is the credential, so any page may use it. */
const cors = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "etag, x-amz-checksum-sha256",
};
const problemHeaders = { "content-type": "application/problem+json", "cache-control": "no-store" };

/** The answer that tells of a problem. */
export function refusal(problem: Problem): Answer {
  return { status: problem.status, problem };
}

/** Answers at once; a body that nobody read is then thrown away within limits, and the connection ends. */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, problem }: Answer,
): Promise<void> {
  const text = problem ? JSON.stringify(problemDetails(problem)) : "";
  const isUnread = hasBody(request) && !request.readableEnded;
  response.writeHead(status, {
    ...cors,
    ...headers,
    ...(problem && problemHeaders),
    ...(status !== 204 && { "content-length": Buffer.byteLength(text) }),
    ...(isUnread && { connection: "close" }),
  });
  if (!isUnread) return void response.end(text);
  // Written, but not ended: node closes a connection as soon as its last response ends, and closing one with unread
  // bytes resets it, which may take the answer away from the client.
  response.write(text);
  await discard(request);
  response.end(() => request.socket.destroy());
}

function problemDetails({ status, code, detail }: Problem) {
  return { type: `urn:strongroom:problem:${code}`, title: STATUS_CODES[status], status, code, detail };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function discard(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let left = lingerBytes;
    const done = () => {
      clearTimeout(timer);
      request.pause();
      resolve();
    };
    const timer = setTimeout(done, lingerMs);
    request.on("data", (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) done();
    });
    for (const event of ["end", "close", "error"]) request.on(event, done);
    request.resume();
  });
}

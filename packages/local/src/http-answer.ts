import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { HttpAnswer } from "@strongroom/functions/gateway";

/** What is still thrown away of a body that nobody wanted, so that the client reads the answer before the connection ends. */
const linger = { bytes: 1024 * 1024, ms: 2_000 };

/**
 * Sends an answer; bodies that stream do so no faster than the client reads. A stream that fails, or that is not as long as
 * its Content-Length, destroys the connection: a clean end would call a cut file whole. Rejects then, when all is closed.
 */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { statusCode, headers, body }: HttpAnswer,
): Promise<void> {
  if (body instanceof Readable) return await sendStream(response, statusCode, headers, body);
  const isUnread = hasBody(request) && !request.readableEnded;
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const hasContent = statusCode !== 204 && statusCode !== 304;
  response.writeHead(statusCode, {
    ...headers,
    ...(hasContent && { "content-length": bytes.length }),
    ...(isUnread && { connection: "close" }),
  });
  const content = request.method === "HEAD" || !hasContent ? undefined : bytes;
  if (!isUnread) return void response.end(content);
  if (content) response.write(content);
  await discard(request);
  response.end(() => request.socket.destroy());
}

async function sendStream(
  response: ServerResponse,
  statusCode: number,
  headers: Record<string, string>,
  body: Readable,
): Promise<void> {
  try {
    response.writeHead(statusCode, headers);
  } catch (error) {
    body.destroy();
    throw error;
  }
  const promised = headers["content-length"];
  await pipeline(body, exactly(promised === undefined ? null : Number(promised)), response);
}

/** Passes bytes on and fails at the end if they are not as many as promised: on a kept connection the next answer would be misread. */
function exactly(promisedBytes: number | null): Transform {
  let sentBytes = 0;
  const differs = () => new Error(`the body has ${sentBytes} bytes so far and promised ${promisedBytes}`);
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      sentBytes += chunk.length;
      if (promisedBytes !== null && sentBytes > promisedBytes) return next(differs());
      next(null, chunk);
    },
    flush: (next) => next(promisedBytes === null || sentBytes === promisedBytes ? null : differs()),
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function discard(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let leftBytes = linger.bytes;
    const done = () => {
      clearTimeout(timer);
      request.pause();
      resolve();
    };
    const timer = setTimeout(done, linger.ms);
    request.on("data", (chunk: Buffer) => {
      leftBytes -= chunk.length;
      if (leftBytes < 0) done();
    });
    for (const event of ["end", "close", "error"]) request.on(event, done);
    request.resume();
  });
}

import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Context } from "aws-lambda";
import type { HttpAnswer, HttpEvent, RouteHandler } from "../gateway.ts";

/** What AWS Lambda puts into the global scope of a function that may stream. */
type Streaming = {
  streamifyResponse(
    handler: (event: HttpEvent, out: Writable, context: Context) => Promise<void>,
  ): RouteHandler;
  HttpResponseStream: {
    from(out: Writable, metadata: { statusCode: number; headers: Record<string, string> }): Writable;
  };
};

/**
 * A handler whose answer streams on AWS Lambda; elsewhere the handler as it is, for a server that streams by itself.
 * A body that fails is never ended: the stream is destroyed and the invocation fails, so the client sees a broken answer.
 */
export function streamAnswer(handler: RouteHandler, lambda = lambdaScope()): RouteHandler {
  if (lambda === null) return handler;
  return lambda.streamifyResponse(async (event, out, context) => {
    const { statusCode, headers, body } = await handler(event, context);
    const stream = lambda.HttpResponseStream.from(out, { statusCode, headers });
    await pipeline(readableOf(body), stream);
  });
}

/** Null elsewhere, where middy leaves an empty object of the same name. */
function lambdaScope(): Streaming | null {
  const scope = (globalThis as unknown as { awslambda?: Partial<Streaming> }).awslambda;
  return scope?.streamifyResponse ? (scope as Streaming) : null;
}

/** One chunk even when empty: Lambda sends status and headers with the first one. */
function readableOf(body: HttpAnswer["body"]): Readable {
  return body instanceof Readable
    ? body
    : Readable.from([typeof body === "string" ? Buffer.from(body) : body], { objectMode: false });
}

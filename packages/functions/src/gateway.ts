import type { Readable } from "node:stream";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";

/**
 * What the chain reads of an HTTP request: payload format 2.0, as API Gateway HTTP APIs and function URLs send it and the
 * local server imitates it. Header names are lower-case, repeated headers are joined by commas.
 */
export type HttpEvent = Pick<
  APIGatewayProxyEventV2,
  "rawPath" | "rawQueryString" | "headers" | "isBase64Encoded"
> & {
  body?: string | undefined;
  /** Decoded. Function URLs know no routes and send none: then they are taken from `rawPath`. */
  pathParameters?: Record<string, string | undefined> | undefined;
  requestContext: { requestId: string; http: { method: string; sourceIp: string } };
};

/** What a handler answers; header names are lower-case. Only the reader's body is anything but a string. */
export type HttpAnswer = {
  statusCode: number;
  headers: Record<string, string>;
  body: string | Uint8Array | Readable;
};

/** A handler of one route; the context is AWS Lambda's own and nothing here depends on it. */
export type RouteHandler = (event: HttpEvent, context?: Context) => Promise<HttpAnswer>;

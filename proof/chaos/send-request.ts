import { once } from "node:events";
import { type IncomingMessage, request as startRequest } from "node:http";
import { buffer } from "node:stream/consumers";

export type Answer = { status: number; headers: IncomingMessage["headers"]; body: Buffer };
export type Request = {
  /** Where the connection goes: a proxy, or the server itself. */
  port: number;
  /** Who is asked for, as it stands in the Host header. */
  host: string;
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: Buffer;
};

/** Without an answer by then the outcome is unknown. */
const silenceMs = 10_000;

/** One request on a connection of its own; null when no whole answer came: then it may have been done, or not. */
export async function sendRequest({
  port,
  host,
  method,
  path,
  headers,
  body,
}: Request): Promise<Answer | null> {
  const length = body === undefined ? {} : { "content-length": String(body.length) };
  const sending = startRequest({
    host: "127.0.0.1",
    port,
    method,
    path,
    agent: false,
    headers: { host, ...length, ...headers },
  });
  const limit = setTimeout(() => sending.destroy(new Error("silence")), silenceMs);
  try {
    const answered = once(sending, "response") as Promise<[IncomingMessage]>;
    sending.end(body);
    const [response] = await answered;
    sending.on("error", () => {});
    return { status: response.statusCode!, headers: response.headers, body: await buffer(response) };
  } catch {
    return null;
  } finally {
    clearTimeout(limit);
  }
}

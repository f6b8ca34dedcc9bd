import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import type { SignedRequest } from "../ports/objects.ts";
import { createObjectServer } from "./object-server.ts";
import { createEmbeddedObjects, type EmbeddedObjects } from "./objects.ts";

/** For tests: a store in a directory of its own, its upload server on loopback, and a clock that can be moved. */
export type ObjectTestbed = {
  root: string;
  port: number;
  objects: EmbeddedObjects;
  stored: string[];
  faults: unknown[];
  moveClock: (byMs: number) => void;
  close: () => Promise<void>;
};

export type HttpAnswer = { status: number; headers: IncomingHttpHeaders; body: string };

export async function openObjectTestbed(
  options: { onStored?: () => Promise<void>; mayBegin?: (key: string) => Promise<void> } = {},
): Promise<ObjectTestbed> {
  const root = await mkdtemp(join(tmpdir(), "strongroom-objects-"));
  const server = createServer();
  const port = await listen(server);
  const [stored, faults]: [string[], unknown[]] = [[], []];
  let aheadMs = 0;
  const objects = createEmbeddedObjects({
    root,
    publicUrl: `http://127.0.0.1:${port}/objects`,
    signingKey: randomBytes(32),
    clock: { ...systemClock, now: () => new Date(Date.now() + aheadMs) },
    onStored: ({ key }) => {
      stored.push(key);
      return options.onStored?.();
    },
    onFault: (error) => faults.push(error),
  });
  const serve = createObjectServer(objects, options.mayBegin);
  server.on("request", (request, response) => void serve(request, response));
  server.on("checkContinue", (request, response) => void serve(request, response));
  const moveClock = (byMs: number) => {
    aheadMs += byMs;
  };
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(root, { recursive: true, force: true });
  };
  return { root, port, objects, stored, faults, moveClock, close };
}

/** Everything that lies in the store, finished or not. */
export async function contentsOf({ objects, root }: ObjectTestbed) {
  const uploads = [];
  for (const upload of await allOf(objects.listUploads(""))) {
    uploads.push({ ...upload, parts: await objects.listParts(upload.key, upload.uploadId) });
  }
  return { objects: await allOf(objects.list("")), uploads, temp: await readdir(join(root, "temp")) };
}

/** A request as a forger may send it. */
export type Sent = Omit<SignedRequest, "method" | "expiresAt"> & { method?: string };

export function without(request: Sent, name: string): Sent {
  const { [name]: _, ...headers } = request.headers;
  return { ...request, headers };
}

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Sends a request as it stands, by plain HTTP: nothing is normalised, added or left out. */
export function send(request: Sent, body: Uint8Array): Promise<HttpAnswer> {
  const { hostname, port, origin } = new URL(request.url);
  const { method = "PUT", headers } = request;
  return new Promise((resolve, reject) => {
    const sending = httpRequest({
      host: hostname,
      port,
      method,
      headers,
      path: request.url.slice(origin.length),
      agent: false,
    });
    sending.on("error", reject);
    sending.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sending.end(body);
  });
}

/** Writes raw bytes and resolves to all that comes back until the server closes; `end` half-closes after writing. */
export function sendRaw(port: number, head: string, body: Uint8Array, { end = false } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(head);
      if (end) socket.end(body);
      else socket.write(body);
    });
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    socket.on("error", reject).on("close", () => resolve(text));
  });
}

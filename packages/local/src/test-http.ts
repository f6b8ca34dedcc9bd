import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { jsonLog } from "@strongroom/core/log";
import type { HttpAnswer, HttpEvent } from "@strongroom/functions/gateway";
import { createHttpServer, type HttpServer } from "./http.ts";

type SeenEvent = HttpEvent & Record<string, unknown>;
type Handle = (event: SeenEvent) => HttpAnswer | Promise<HttpAnswer>;
type Options = Partial<Parameters<typeof createHttpServer>[0]> & { handle?: Handle };

/** An answer of status 200, JSON unless told otherwise. */
export const ok = (body: HttpAnswer["body"] = "{}", headers = {}): HttpAnswer => ({
  statusCode: 200,
  headers: { "content-type": "application/json", ...headers },
  body,
});

const routed = [
  "acceptUpload",
  "editDocument",
  "listDocuments",
  "showDocument",
  "readDocument",
  "showMe",
  "editMe",
] as const;

/** Servers whose every handler is the test's own; the events that came and the lines that were logged are kept. */
export function testHttp() {
  const servers: HttpServer[] = [];
  const lines: Record<string, unknown>[] = [];
  const events: SeenEvent[] = [];
  return {
    lines,
    events,
    async start({ handle = () => ok(), ...options }: Options = {}) {
      const handler = async (event: HttpEvent) => {
        events.push(event as never);
        return await handle(event as never);
      };
      const server = createHttpServer({
        handlers: Object.fromEntries(routed.map((name) => [name, async () => ({ handler })])),
        log: jsonLog({}, (line) => void lines.push(JSON.parse(line) as Record<string, unknown>)),
        ...options,
      });
      servers.push(server);
      return { server, ...(await server.listen({ port: 0 })) };
    },
    close: () => Promise.all(servers.map((server) => server.close({ graceMs: 0 }))),
  };
}

/** A connection to a port of this machine. */
export async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Everything the server sends until it closes the connection. */
export async function raw(port: number, ...parts: string[]): Promise<string> {
  const socket = await openSocket(port);
  for (const part of parts) socket.write(part);
  return await text(socket).catch(() => "reset");
}

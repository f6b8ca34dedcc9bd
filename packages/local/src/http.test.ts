import { once } from "node:events";
import { Agent, get as httpGet, type IncomingMessage, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { connect as tlsConnect } from "node:tls";
import { jsonLog } from "@strongroom/core/log";
import type { HttpAnswer, HttpEvent } from "@strongroom/functions/gateway";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHttpServer, type HttpServer, httpTimeouts, type Mount } from "./http.ts";

const limit = 256 * 1024;
const ok = (body: HttpAnswer["body"] = "{}", headers = {}): HttpAnswer => ({
  statusCode: 200,
  headers: { "content-type": "application/json", ...headers },
  body,
});
const id = "019a0000-0000-7000-8000-000000000000";

let servers: HttpServer[] = [];
let lines: Record<string, unknown>[] = [];
let events: (HttpEvent & Record<string, unknown>)[] = [];
beforeEach(() => void ([servers, lines, events] = [[], [], []]));
afterEach(() => Promise.all(servers.map((server) => server.close({ graceMs: 0 }))));

type Handle = (event: HttpEvent & Record<string, unknown>) => HttpAnswer | Promise<HttpAnswer>;
type Options = Partial<Parameters<typeof createHttpServer>[0]> & { handle?: Handle };

/** A server whose every handler is `handle`; the events that came are kept. */
async function start({ handle = () => ok(), ...options }: Options = {}) {
  const handler = async (event: HttpEvent) => {
    events.push(event as never);
    return await handle(event as never);
  };
  const load = async () => ({ handler });
  const names = [
    "acceptUpload",
    "editDocument",
    "listDocuments",
    "showDocument",
    "readDocument",
    "showMe",
    "editMe",
  ] as const;
  const handlers = Object.fromEntries(names.map((name) => [name, load]));
  const server = createHttpServer({
    handlers,
    log: jsonLog({}, (line) => void lines.push(JSON.parse(line) as Record<string, unknown>)),
    ...options,
  });
  servers.push(server);
  return { server, ...(await server.listen({ port: 0 })) };
}

async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Everything the server sends until it closes the connection. */
async function raw(port: number, ...parts: string[]): Promise<string> {
  const socket = await openSocket(port);
  for (const part of parts) socket.write(part);
  return await text(socket).catch(() => "reset");
}

const problem = async (response: Response) => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await response.json()) as Record<string, unknown>;
};

describe("the event of a request", () => {
  test("is the one that API Gateway would make", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/v1/documents/${id}?a=1&a=2&b=%20`, {
      method: "PATCH",
      headers: { "X-Test": "Yes", cookie: "a=b; c=d", "content-type": "application/json" },
      body: '{"note":"ö"}',
    });
    expect(response.status).toBe(200);
    expect(events[0]).toMatchObject({
      version: "2.0",
      routeKey: "PATCH /v1/documents/{id}",
      rawPath: `/v1/documents/${id}`,
      rawQueryString: "a=1&a=2&b=%20",
      queryStringParameters: { a: "1,2", b: " " },
      pathParameters: { id },
      cookies: ["a=b", "c=d"],
      headers: { "x-test": "Yes", "content-type": "application/json" },
      isBase64Encoded: true,
      requestContext: {
        stage: "$default",
        http: { method: "PATCH", path: `/v1/documents/${id}`, sourceIp: "127.0.0.1", protocol: "HTTP/1.1" },
      },
    });
    expect(Buffer.from(events[0]!.body!, "base64").toString()).toBe('{"note":"ö"}');
    expect(events[0]!.requestContext.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("shows that a header came twice, where Node would hide it", async () => {
    const { port } = await start();
    await raw(
      port,
      "GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nConnection: close\r\n\r\n",
    );
    expect(events[0]!.headers["authorization"]).toBe("Bearer a,Bearer b");
  });

  test("decodes a path and refuses one that is not UTF-8", async () => {
    const { url } = await start();
    await fetch(`${url}/v1/documents/a%2Fb`);
    expect(events[0]!.pathParameters).toEqual({ id: "a/b" });
    expect((await fetch(`${url}/v1/documents/%ff`)).status).toBe(400);
  });

  test("holds a body that came in chunks, whole", async () => {
    const { port } = await start();
    const sent = httpRequest({
      port,
      method: "PUT",
      path: "/v1/me",
      headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
    });
    for (const chunk of ['{"na', 'me":', '"Ada"}']) sent.write(chunk);
    sent.end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    expect(response.resume().statusCode).toBe(200);
    expect(Buffer.from(events[0]!.body!, "base64").toString()).toBe('{"name":"Ada"}');
  });
});

describe("what no handler is asked about", () => {
  test.each([
    ["GET", "/v1/nothing", 404, null],
    ["GET", "/v1/documents/", 404, null],
    ["GET", "//v1/me", 404, null],
    ["GET", "/v1/../v1/me/x", 404, null],
    ["DELETE", "/v1/documents", 405, "POST, GET"],
    ["PUT", `/v1/documents/${id}`, 405, "PATCH, GET"],
    ["OPTIONS", "/v1/me", 405, "GET, PUT"],
  ])("%s %s is answered %i as a problem", async (method, path, status, allow) => {
    const { url } = await start();
    const response = await fetch(url + path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get("allow")).toBe(allow);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await problem(response)).toMatchObject({
      status,
      code: status === 404 ? "not_found" : "method_not_allowed",
    });
    expect(lines).toEqual([expect.objectContaining({ event: "http.refused", status })]);
    expect(events).toEqual([]);
  });

  test("HEAD is answered 405 with the headers of the problem and no body", async () => {
    const { port } = await start();
    const seen = await raw(port, "HEAD /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(seen).toMatch(/^HTTP\/1\.1 405 /);
    expect(seen).toMatch(/\r\n\r\n$/);
  });

  test("a target that is no path is refused", async () => {
    const { port } = await start();
    expect(
      await raw(port, "GET http://elsewhere/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    ).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("a route whose handler is not served here is not found", async () => {
    const { url } = await start();
    expect((await fetch(`${url}/v1/kinds`)).status).toBe(404);
  });

  test("a handler that fails itself is our fault, and its words stay with us", async () => {
    const { url } = await start({ handle: () => Promise.reject(new Error("no such file ports.ts")) });
    const response = await fetch(`${url}/v1/me`);
    expect(response.status).toBe(500);
    expect(JSON.stringify(await problem(response))).not.toContain("ports.ts");
    expect(lines[0]).toMatchObject({ event: "http.failed", error: "Error: no such file ports.ts" });
  });
});

describe("a body", () => {
  const put = (url: string, body: Uint8Array) =>
    fetch(`${url}/v1/me`, { method: "PUT", body: Buffer.from(body) });

  test("of 256 KiB comes through, one byte more is refused", async () => {
    const { url } = await start();
    expect((await put(url, Buffer.alloc(limit, "a"))).status).toBe(200);
    expect(Buffer.from(events[0]!.body!, "base64").length).toBe(limit);
    expect(await problem(await put(url, Buffer.alloc(limit + 1, "a")))).toMatchObject({
      status: 413,
      code: "body_too_large",
    });
    expect(events).toHaveLength(1);
  });

  test("in chunks without a length is refused as soon as it is too large, and never kept", async () => {
    const { port } = await start();
    const sent = httpRequest({
      port,
      method: "PUT",
      path: "/v1/me",
      headers: { "transfer-encoding": "chunked" },
    });
    sent.on("error", () => {});
    sent.write(Buffer.alloc(limit + 1));
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    expect(response.headers.connection).toBe("close");
    sent.destroy();
    expect(events).toEqual([]);
  });

  test("that never ends is cut off after the answer", async () => {
    const { port } = await start();
    const socket = await openSocket(port);
    socket.write("PUT /v1/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = `10000\r\n${"a".repeat(65_536)}\r\n`;
    const flood = () => {
      while (socket.writable && socket.write(chunk));
    };
    socket.on("drain", flood);
    flood();
    const seen = await text(socket).catch(() => "reset");
    expect(seen).toMatch(/^(HTTP\/1\.1 413 |reset)/);
    expect(socket.bytesWritten).toBeLessThan(32 * 1024 * 1024);
  });

  test("is not even sent by a client that asks first, when it is too large", async () => {
    const { port } = await start();
    const seen = await raw(
      port,
      `PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: ${limit + 1}\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(seen).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("is asked for when a client asks first and it fits", async () => {
    const { port } = await start();
    const socket = await openSocket(port);
    socket.write(
      "PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    );
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(first.toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write("{}");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("that comes too slowly gives its place back", async () => {
    const { port } = await start({ timeouts: { ...httpTimeouts, body: 20 } });
    const seen = await raw(port, "PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
    expect(seen).toMatch(/^HTTP\/1\.1 400 [^]*"code":"body_too_slow"/);
  });

  test("that breaks off reaches no handler and is no fault of ours", async () => {
    const { port, server } = await start();
    const socket = await openSocket(port);
    socket.end("PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
    await text(socket).catch(() => "");
    await server.close();
    expect(events).toEqual([]);
    expect(lines.filter(({ level }) => level === "error")).toEqual([]);
  });
});

describe("a connection", () => {
  test("is kept after a refusal, body and all, and carries the next request", async () => {
    const { port } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const send = async (method: string, path: string, body?: string) => {
      const sent = httpRequest({
        port,
        agent,
        method,
        path,
        headers: body ? { "content-length": body.length } : {},
      });
      sent.end(body);
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      await text(response);
      return { status: response.statusCode, reused: sent.reusedSocket };
    };
    expect(await send("GET", "/v1/nothing")).toEqual({ status: 404, reused: false });
    expect(await send("DELETE", "/v1/me")).toEqual({ status: 405, reused: true });
    expect(await send("PUT", "/v1/me", "{}")).toEqual({ status: 200, reused: true });
    expect(await send("GET", "/v1/me")).toEqual({ status: 200, reused: true });
    agent.destroy();
  });

  test("whose headers never end is closed", async () => {
    const { port } = await start({ timeouts: { ...httpTimeouts, headers: 20 } });
    expect(await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: ")).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("on which nothing moves is closed", async () => {
    const { port } = await start({
      timeouts: { ...httpTimeouts, idle: 20 },
      handle: () => new Promise(() => {}),
    });
    expect(await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("");
  });

  test("that smuggles a second length is refused", async () => {
    const { port } = await start();
    const seen = await raw(
      port,
      "PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    expect(seen).toMatch(/^HTTP\/1\.1 400 /);
    expect(events).toEqual([]);
  });
});

describe("an answer", () => {
  test("of bytes bears its length", async () => {
    const { url } = await start({ handle: () => ok(Buffer.from([0, 255, 1])) });
    const response = await fetch(`${url}/v1/me`);
    expect(response.headers.get("content-length")).toBe("3");
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0, 255, 1]);
  });

  test("of 304 or 204 has neither body nor length", async () => {
    for (const statusCode of [304, 204]) {
      const { port } = await start({ handle: () => ({ statusCode, headers: { etag: '"1"' }, body: "" }) });
      const seen = await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      expect(seen).toMatch(new RegExp(`^HTTP/1\\.1 ${statusCode} `));
      expect(seen.toLowerCase()).not.toContain("content-length");
    }
  });

  test("that streams arrives whole, and is made no faster than it is read", async () => {
    let made = 0;
    const total = 64 * 1024 * 1024;
    const body = new Readable({
      read() {
        if (made < total) this.push(Buffer.alloc(65_536, 1));
        else this.push(null);
        made += 65_536;
      },
    });
    const { port } = await start({ handle: () => ok(body, { "content-length": String(total) }) });
    const sent = httpGet({ port, path: `/v1/documents/${id}/content` });
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    let [received, ahead] = [0, 0];
    for await (const chunk of response as AsyncIterable<Buffer>) {
      received += chunk.length;
      ahead = Math.max(ahead, made - received);
    }
    expect(received).toBe(total);
    expect(ahead).toBeLessThan(total / 2);
  });

  test.each([
    ["fails", [Buffer.alloc(1_000_000), new Error("frame 2 does not authenticate")], "2000000"],
    ["fails without a length", [Buffer.alloc(1_000_000), new Error("frame 2 does not authenticate")], null],
    ["fails before its first byte", [new Error("frame 1 does not authenticate")], "2000000"],
    ["ends before its length", [Buffer.alloc(1_000_000)], "2000000"],
    ["is longer than its length", [Buffer.alloc(1_000_000), Buffer.alloc(1_000_000)], "1000001"],
  ])("whose stream %s breaks the connection and never ends cleanly", async (_what, parts, length) => {
    const body = Readable.from(
      (async function* () {
        for (const part of parts) {
          if (part instanceof Error) throw part;
          yield part;
        }
      })(),
    );
    const { port } = await start({
      handle: () => ok(body, length === null ? {} : { "content-length": length }),
    });
    const agent = new Agent({ keepAlive: true });
    const outcome = await new Promise<string>((resolve) => {
      const sent = httpGet({ port, agent, path: `/v1/documents/${id}/content` }, (response) => {
        buffer(response).then(
          () => resolve("clean end"),
          (error: Error) => resolve(error.message),
        );
      });
      sent.on("error", (error) => resolve(error.message));
    });
    agent.destroy();
    expect(outcome).toMatch(/aborted|socket hang up|ECONNRESET/);
    expect(lines).toEqual([expect.objectContaining({ event: "http.cut" })]);
  });

  test("that nobody waits for any more closes its source", async () => {
    const closed = Promise.withResolvers<void>();
    const body = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
      destroy: (_error, done) => (closed.resolve(), done(null)),
    });
    const { port } = await start({ handle: () => ok(body) });
    const sent = httpGet({ port, path: `/v1/documents/${id}/content` });
    await once(sent, "response");
    sent.destroy();
    await closed.promise;
  });

  test("with a header that cannot be sent breaks the connection and closes its source", async () => {
    const body = Readable.from(["x"]);
    const { port } = await start({ handle: () => ok(body, { "x-bad": "a\r\nb: c" }) });
    expect(await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")).not.toContain("b: c");
    expect(body.destroyed).toBe(true);
  });
});

describe("a mount", () => {
  test("gets the request as it came, before its body, with the expectation still open", async () => {
    const seen: (string | undefined)[] = [];
    const mount: Mount = {
      prefix: "/objects/",
      async handle(request, response) {
        seen.push(request.method, request.url, request.headers.expect);
        response.writeContinue();
        response.end(await text(request));
      },
    };
    const { port } = await start({ mounts: [mount] });
    const socket = await openSocket(port);
    socket.write(
      "PUT /objects/s/a%2Fb?sig=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    );
    expect(((await once(socket, "data")) as [Buffer])[0].toString()).toMatch(/^HTTP\/1\.1 100 /);
    socket.write("bytes");
    expect(await text(socket)).toMatch(/bytes$/);
    expect(seen).toEqual(["PUT", "/objects/s/a%2Fb?sig=1", "100-continue"]);
  });

  test("has no limit of size but its own", async () => {
    const mount: Mount = {
      prefix: "/objects/",
      handle: async (request, response) => void response.end(String((await buffer(request)).length)),
    };
    const { url } = await start({ mounts: [mount] });
    const response = await fetch(`${url}/objects/x`, { method: "PUT", body: Buffer.alloc(8 * limit) });
    expect(await response.text()).toBe(String(8 * limit));
  });

  test("that fails breaks its connection, and the server goes on", async () => {
    const { url } = await start({
      mounts: [{ prefix: "/objects/", handle: () => Promise.reject(new Error("disk full")) }],
    });
    await expect(fetch(`${url}/objects/x`)).rejects.toThrow();
    expect(lines).toEqual([expect.objectContaining({ event: "http.cut", error: "Error: disk full" })]);
    expect((await fetch(`${url}/v1/me`)).status).toBe(200);
  });
});

describe("listening", () => {
  test.each(["0.0.0.0", "::", "192.0.2.1", "example.com"])("on %s without TLS is refused", async (host) => {
    const server = createHttpServer({ handlers: {}, log: jsonLog({}, () => {}) });
    await expect(server.listen({ host, port: 0 })).rejects.toMatchObject({
      name: "Refusal",
      code: "tls_required",
    });
  });

  test("beyond this machine is allowed with TLS, and speaks nothing else", async () => {
    const psk = { psk: Buffer.alloc(32, 7), identity: "test" };
    const suite = { ciphers: "PSK-AES256-GCM-SHA384", maxVersion: "TLSv1.2", minVersion: "TLSv1.2" } as const;
    const { server, port } = await start({ tls: { ...suite, pskCallback: () => psk.psk } });
    await server.close();
    const { url } = await server.listen({ host: "0.0.0.0", port });
    expect(url).toBe(`https://0.0.0.0:${port}`);
    const socket = tlsConnect({
      ...suite,
      host: "127.0.0.1",
      port,
      pskCallback: () => psk,
      checkServerIdentity: () => undefined,
    });
    await once(socket, "secureConnect");
    socket.write("GET /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")).not.toMatch(/200/);
  });

  test("on a port that is taken fails, and says so", async () => {
    const { port } = await start();
    const second = createHttpServer({ handlers: {}, log: jsonLog({}, () => {}) });
    await expect(second.listen({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

describe("closing", () => {
  test("lets a request under way finish, on a kept connection too, and takes no other", async () => {
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<HttpAnswer>()];
    const { url, port, server } = await start({ handle: () => (asked.resolve(), answer.promise) });
    const pending = fetch(`${url}/v1/me`);
    await asked.promise;
    const closed = server.close();
    answer.resolve(ok('"done"'));
    expect(await (await pending).text()).toBe('"done"');
    await closed;
    await expect(openSocket(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await server.close(); // a second call has nothing to do
  });

  test("cuts off what does not finish within its grace", async () => {
    const asked = Promise.withResolvers<void>();
    const { url, server } = await start({ handle: () => (asked.resolve(), new Promise(() => {})) });
    const outcome = fetch(`${url}/v1/me`).then(
      () => "answered",
      () => "cut off",
    );
    await asked.promise;
    await server.close({ graceMs: 1 });
    expect(await outcome).toBe("cut off");
  });
});

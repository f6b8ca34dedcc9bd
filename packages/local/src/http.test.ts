import { once } from "node:events";
import { Agent, get as httpGet, type IncomingMessage, request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { httpTimeouts } from "./http.ts";
import { ok, openSocket, raw, testHttp } from "./test-http.ts";

const limit = 256 * 1024;
const id = "019a0000-0000-7000-8000-000000000000";

let http: ReturnType<typeof testHttp>;
beforeEach(() => void (http = testHttp()));
afterEach(() => http.close());

const problem = async (response: Response) => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await response.json()) as Record<string, unknown>;
};
describe("the event of a request", () => {
  test("is the one that API Gateway would make", async () => {
    const { url } = await http.start();
    const response = await fetch(`${url}/v1/documents/${id}?a=1&a=2&b=%20`, {
      method: "PATCH",
      headers: { "X-Test": "Yes", cookie: "a=b; c=d", "content-type": "application/json" },
      body: '{"note":"ö"}',
    });
    expect(response.status).toBe(200);
    expect(http.events[0]).toMatchObject({
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
    expect(Buffer.from(http.events[0]!.body!, "base64").toString()).toBe('{"note":"ö"}');
    expect(http.events[0]!.requestContext.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("shows that a header came twice, where Node would hide it", async () => {
    const { port } = await http.start();
    await raw(
      port,
      "GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nConnection: close\r\n\r\n",
    );
    expect(http.events[0]!.headers["authorization"]).toBe("Bearer a,Bearer b");
  });

  test("decodes a path and refuses one that is not UTF-8", async () => {
    const { url } = await http.start();
    await fetch(`${url}/v1/documents/a%2Fb`);
    expect(http.events[0]!.pathParameters).toEqual({ id: "a/b" });
    expect((await fetch(`${url}/v1/documents/%ff`)).status).toBe(400);
  });

  test("holds a body that came in chunks, whole", async () => {
    const { port } = await http.start();
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
    expect(Buffer.from(http.events[0]!.body!, "base64").toString()).toBe('{"name":"Ada"}');
  });
});

describe("what no handler is asked about", () => {
  test.each([
    ["GET", "/v1/nothing", 404, null],
    ["GET", "/v1/documents/", 404, null],
    ["GET", "//v1/me", 404, null],
    ["GET", "/v1/../v1/me/x", 404, null],
    ["DELETE", "/v1/documents", 405, "POST, GET"],
    ["PUT", `/v1/documents/${id}`, 405, "PATCH, GET, DELETE"],
    ["OPTIONS", "/v1/me", 405, "GET, PUT"],
  ])("%s %s is answered %i as a problem", async (method, path, status, allow) => {
    const { url } = await http.start();
    const response = await fetch(url + path, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get("allow")).toBe(allow);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await problem(response)).toMatchObject({
      status,
      code: status === 404 ? "not_found" : "method_not_allowed",
    });
    expect(http.lines).toEqual([expect.objectContaining({ event: "http.refused", status })]);
    expect(http.events).toEqual([]);
  });

  test("HEAD is answered 405 with the headers of the problem and no body", async () => {
    const { port } = await http.start();
    const seen = await raw(port, "HEAD /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(seen).toMatch(/^HTTP\/1\.1 405 /);
    expect(seen).toMatch(/\r\n\r\n$/);
  });

  test("a target that is no path is refused", async () => {
    const { port } = await http.start();
    expect(
      await raw(port, "GET http://elsewhere/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    ).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("a route whose handler is not served here is not found", async () => {
    const { url } = await http.start();
    expect((await fetch(`${url}/v1/kinds`)).status).toBe(404);
  });

  test("a handler that fails itself is our fault, and its words stay with us", async () => {
    const { url } = await http.start({ handle: () => Promise.reject(new Error("no such file ports.ts")) });
    const response = await fetch(`${url}/v1/me`);
    expect(response.status).toBe(500);
    expect(JSON.stringify(await problem(response))).not.toContain("ports.ts");
    expect(http.lines[0]).toMatchObject({ event: "http.failed", error: "Error: no such file ports.ts" });
  });
});

describe("a body", () => {
  const put = (url: string, body: Uint8Array) =>
    fetch(`${url}/v1/me`, { method: "PUT", body: Buffer.from(body) });

  test("of 256 KiB comes through, one byte more is refused", async () => {
    const { url } = await http.start();
    expect((await put(url, Buffer.alloc(limit, "a"))).status).toBe(200);
    expect(Buffer.from(http.events[0]!.body!, "base64").length).toBe(limit);
    expect(await problem(await put(url, Buffer.alloc(limit + 1, "a")))).toMatchObject({
      status: 413,
      code: "body_too_large",
    });
    expect(http.events).toHaveLength(1);
  });

  test("in chunks without a length is refused as soon as it is too large, and never kept", async () => {
    const { port } = await http.start();
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
    expect(http.events).toEqual([]);
  });

  test("that never ends is cut off after the answer", async () => {
    const { port } = await http.start();
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
    const { port } = await http.start();
    const seen = await raw(
      port,
      `PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: ${limit + 1}\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(seen).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("is asked for when a client asks first and it fits", async () => {
    const { port } = await http.start();
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
    const { port } = await http.start({ timeouts: { ...httpTimeouts, body: 20 } });
    const seen = await raw(port, "PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
    expect(seen).toMatch(/^HTTP\/1\.1 400 [^]*"code":"body_too_slow"/);
  });

  test("that breaks off reaches no handler and is no fault of ours", async () => {
    const { port, server } = await http.start();
    const socket = await openSocket(port);
    socket.end("PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
    await text(socket).catch(() => "");
    await server.close();
    expect(http.events).toEqual([]);
    expect(http.lines.filter(({ level }) => level === "error")).toEqual([]);
  });
});

describe("a connection", () => {
  test("is kept after a refusal, body and all, and carries the next request", async () => {
    const { port } = await http.start();
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
    const { port } = await http.start({ timeouts: { ...httpTimeouts, headers: 20 } });
    expect(await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: ")).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("on which nothing moves is closed", async () => {
    const { port } = await http.start({
      timeouts: { ...httpTimeouts, idle: 20 },
      handle: () => new Promise(() => {}),
    });
    expect(await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("");
  });

  test("that smuggles a second length is refused", async () => {
    const { port } = await http.start();
    const seen = await raw(
      port,
      "PUT /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    expect(seen).toMatch(/^HTTP\/1\.1 400 /);
    expect(http.events).toEqual([]);
  });
});

describe("an answer", () => {
  test("of bytes bears its length", async () => {
    const { url } = await http.start({ handle: () => ok(Buffer.from([0, 255, 1])) });
    const response = await fetch(`${url}/v1/me`);
    expect(response.headers.get("content-length")).toBe("3");
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0, 255, 1]);
  });

  test("of 304 or 204 has neither body nor length", async () => {
    for (const statusCode of [304, 204]) {
      const { port } = await http.start({
        handle: () => ({ statusCode, headers: { etag: '"1"' }, body: "" }),
      });
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
    const { port } = await http.start({ handle: () => ok(body, { "content-length": String(total) }) });
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
    const { port } = await http.start({
      handle: () => ok(body, { "x-request-id": "r-1", ...(length !== null && { "content-length": length }) }),
    });
    const path = `/v1/documents/${id}/content`;
    const agent = new Agent({ keepAlive: true });
    const outcome = await new Promise<string>((resolve) => {
      const sent = httpGet({ port, agent, path: `${path}?artefact=page-1&ticket=secret` }, (response) => {
        buffer(response).then(
          () => resolve("clean end"),
          (error: Error) => resolve(error.message),
        );
      });
      sent.on("error", (error) => resolve(error.message));
    });
    agent.destroy();
    expect(outcome).toMatch(/aborted|socket hang up|ECONNRESET/);
    expect(http.lines).toEqual([
      expect.objectContaining({ event: "http.cut", requestId: "r-1", path, artefact: "page-1" }),
    ]);
    expect(JSON.stringify(http.lines)).not.toContain("secret");
  });

  test("that nobody waits for any more closes its source", async () => {
    const closed = Promise.withResolvers<void>();
    const body = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
      destroy: (_error, done) => (closed.resolve(), done(null)),
    });
    const { port } = await http.start({ handle: () => ok(body) });
    const sent = httpGet({ port, path: `/v1/documents/${id}/content` });
    await once(sent, "response");
    sent.destroy();
    await closed.promise;
  });

  test("with a header that cannot be sent breaks the connection and closes its source", async () => {
    const body = Readable.from(["x"]);
    const { port } = await http.start({ handle: () => ok(body, { "x-bad": "a\r\nb: c" }) });
    expect(await raw(port, "GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")).not.toContain("b: c");
    expect(body.destroyed).toBe(true);
  });
});

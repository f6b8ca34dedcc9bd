import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";
import { connect as tlsConnect } from "node:tls";
import { jsonLog } from "@strongroom/core/log";
import type { HttpAnswer } from "@strongroom/functions/gateway";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHttpServer, type Mount } from "./http.ts";
import { ok, openSocket, raw, testHttp } from "./test-http.ts";

const limit = 256 * 1024;

let http: ReturnType<typeof testHttp>;
beforeEach(() => void (http = testHttp()));
afterEach(() => http.close());

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
    const { port } = await http.start({ mounts: [mount] });
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
    const { url } = await http.start({ mounts: [mount] });
    const response = await fetch(`${url}/objects/x`, { method: "PUT", body: Buffer.alloc(8 * limit) });
    expect(await response.text()).toBe(String(8 * limit));
  });

  test("that fails breaks its connection, and the server goes on", async () => {
    const { url } = await http.start({
      mounts: [{ prefix: "/objects/", handle: () => Promise.reject(new Error("disk full")) }],
    });
    await expect(fetch(`${url}/objects/x`)).rejects.toThrow();
    expect(http.lines).toEqual([expect.objectContaining({ event: "http.cut", error: "Error: disk full" })]);
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
    const { server, port } = await http.start({ tls: { ...suite, pskCallback: () => psk.psk } });
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
    const { port } = await http.start();
    const second = createHttpServer({ handlers: {}, log: jsonLog({}, () => {}) });
    await expect(second.listen({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

describe("closing", () => {
  test("lets a request under way finish, on a kept connection too, and takes no other", async () => {
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<HttpAnswer>()];
    const { url, port, server } = await http.start({ handle: () => (asked.resolve(), answer.promise) });
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
    const { url, server } = await http.start({ handle: () => (asked.resolve(), new Promise(() => {})) });
    const outcome = fetch(`${url}/v1/me`).then(
      () => "answered",
      () => "cut off",
    );
    await asked.promise;
    await server.close({ graceMs: 1 });
    expect(await outcome).toBe("cut off");
  });
});

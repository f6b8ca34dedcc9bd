import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ClientFault, clientFaults } from "../check/demands.ts";
import { type Fault, type FaultProxy, resetWithin, startFaultProxy } from "./fault-proxy.ts";

/** A server that remembers what it was sent, and says so. */
let server: Server;
let served: string[];
let onServed: () => void;
let proxy: FaultProxy;
let fault: Fault | null;
/** Before each answer. */
let padding: string;

beforeEach(async () => {
  served = [];
  onServed = () => {};
  fault = { kind: "none" };
  padding = "";
  server = createServer((incoming, response) => {
    void text(incoming)
      .then((body) => {
        served.push(body);
        if (padding) response.setHeader("padding", padding);
        response.end(`served ${body.length}`);
        onServed();
      })
      .catch(() => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  proxy = await startFaultProxy({ target: { host: "127.0.0.1", port }, draw: () => fault });
});
afterEach(async () => {
  await proxy.close();
  server.closeAllConnections();
  server.close();
});

/** What the server answers to a body, or the code of the error. */
async function send(body: string): Promise<string> {
  const sending = request({ host: "127.0.0.1", port: proxy.port, method: "PUT", agent: false });
  sending.end(body);
  try {
    const [answer] = (await once(sending, "response")) as [IncomingMessage];
    return await text(answer);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "?";
  }
}

const long = "x".repeat(300_000);

describe("the fault proxy", () => {
  test.each<Fault>([
    { kind: "none" },
    { kind: "latency", delayMs: 5 },
    { kind: "split", pieceBytes: 7 },
    { kind: "reset", side: "request", afterBytes: 1_000_000 },
  ])("passes a request and its answer whole under $kind", async (drawn) => {
    fault = drawn;
    expect(await send(long)).toBe("served 300000");
    expect(served).toEqual([long]);
  });

  test.each<[Fault, string, ClientFault]>([
    [{ kind: "refuse" }, "pay", "refuse"],
    [{ kind: "reset", side: "request", afterBytes: 59_999 }, long, "reset request"],
    [{ kind: "reset", side: "answer", afterBytes: 0 }, "pay", "reset answer"],
    [{ kind: "latency", delayMs: 1 }, "pay", "latency"],
    [{ kind: "drop-answer" }, "pay", "drop-answer"],
    [{ kind: "replay" }, "pay", "replay"],
    [{ kind: "split", pieceBytes: 40 }, "pay", "split"],
  ])("counts once that it struck a connection by %j", async (drawn, body, kind) => {
    fault = drawn;
    await send(body);
    await vi.waitFor(() => expect(proxy.chances[kind]).toEqual({ asked: 1, struck: 1 }));
    for (const other of clientFaults) if (other !== kind) expect(proxy.chances[other]?.struck ?? 0).toBe(0);
  });

  test("counts what could strike a connection that it leaves alone, of resets what no draw would be too late for", async () => {
    await send("pay");
    const [once, small] = [{ asked: 1, struck: 0 }, ["refuse", "latency", "split", "drop-answer", "replay"]];
    expect(proxy.chances).toEqual(Object.fromEntries(small.map((kind) => [kind, once])));
    padding = "x".repeat(resetWithin.answer);
    await send(long);
    expect(proxy.chances["reset request"]).toEqual(once);
    expect(proxy.chances["reset answer"]).toEqual(once);
  });

  test.each<[Fault, string]>([
    [{ kind: "reset", side: "request", afterBytes: 59_999 }, "pay"],
    [{ kind: "reset", side: "answer", afterBytes: 10_000 }, "pay"],
    [{ kind: "split", pieceBytes: 10_000 }, "pay"],
    [{ kind: "replay" }, "x".repeat(1_100_000)],
  ])("counts nothing as struck when %j does not come to it", async (drawn, body) => {
    fault = drawn;
    expect(await send(body)).toBe(`served ${body.length}`);
    for (const kind of clientFaults) expect(proxy.chances[kind]?.struck ?? 0).toBe(0);
    if (drawn.kind === "replay") expect(proxy.chances.replay).toBeUndefined();
  });

  test("counts nothing of a connection that none may strike", async () => {
    fault = null;
    expect(await send("pay")).toBe("served 3");
    expect(proxy.chances).toEqual({});
  });

  test("resets a connection that it refuses, and the server hears nothing of it", async () => {
    fault = { kind: "refuse" };
    expect(await send("hello")).toBe("ECONNRESET");
    expect(served).toEqual([]);
  });

  test("cuts a request after so many bytes: the server never has all of it", async () => {
    fault = { kind: "reset", side: "request", afterBytes: 100_000 };
    expect(await send(long)).toMatch(/ECONNRESET|EPIPE/);
    expect(served).toEqual([]);
  });

  test("drops the answer after the server acted", async () => {
    fault = { kind: "drop-answer" };
    expect(await send("pay")).toBe("ECONNRESET");
    expect(served).toEqual(["pay"]);
  });

  test("sends a request a second time, and the client hears the first answer alone", async () => {
    fault = { kind: "replay" };
    const twice = new Promise<void>((resolve) => (onServed = () => served.length === 2 && resolve()));
    expect(await send("pay")).toBe("served 3");
    await twice;
    expect(served).toEqual(["pay", "pay"]);
  });

  test("lets nothing through a black hole, and resets whoever waited when it ends", async () => {
    proxy.setMode("blackhole");
    const waiting = send("hello");
    const first = await Promise.race([
      waiting,
      new Promise((resolve) => setTimeout(resolve, 100, "silence")),
    ]);
    expect(first).toBe("silence");
    proxy.setMode("open");
    expect(await waiting).toBe("ECONNRESET");
    expect(served).toEqual([]);
    expect(await send("hello")).toBe("served 5");
  });

  test("refuses all in its refusing mode, and cuts standing connections when told", async () => {
    proxy.setMode("refuse");
    expect(await send("hello")).toBe("ECONNRESET");
    proxy.setMode("open");
    const held = request({ host: "127.0.0.1", port: proxy.port, method: "PUT", agent: false });
    held.setHeader("content-length", 10);
    held.write("half");
    const [socket] = (await once(held, "socket")) as [NodeJS.ReadableStream];
    await once(socket, "connect");
    const failed = once(held, "error");
    while (proxy.cut(1, () => 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(((await failed) as [NodeJS.ErrnoException])[0].code).toMatch(/ECONNRESET|EPIPE/);
  });
});

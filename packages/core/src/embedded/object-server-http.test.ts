import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PutGrant } from "../ports/objects.ts";
import { createObjectServer } from "./object-server.ts";
import {
  contentsOf,
  type ObjectTestbed,
  openObjectTestbed,
  send,
  sendRaw,
  type Sent,
  without,
} from "./object-testbed.ts";

let bed: ObjectTestbed;
beforeEach(async () => {
  bed = await openObjectTestbed();
});
afterEach(async () => {
  expect(bed.faults).toEqual([]);
  await bed.close();
});

const key = "s/tenant/document/page-1/nonce";
const bytes = randomBytes(1000);
const base64Of = (data: Uint8Array) => createHash("sha256").update(data).digest("base64");
const hexOf = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
const grant: PutGrant = {
  key,
  sizeBytes: bytes.length,
  mediaType: "image/jpeg",
  sha256: hexOf(bytes),
  metadata: { page: "1" },
  expiresInMs: 300_000,
};
const contents = () => contentsOf(bed);

/** The head of a signed request as text, for what an HTTP client would not send. */
function headOf({ url, headers }: Sent, extra = ""): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `PUT ${url.slice(new URL(url).origin.length)} HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.join("")}${extra}\r\n`;
}

describe("uploads that break the rules of HTTP", () => {
  const statusOf = (text: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
  const isEmpty = async () => expect(await contents()).toEqual({ objects: [], uploads: [], temp: [] });

  const chunked = Buffer.concat([Buffer.from("3e8\r\n"), bytes, Buffer.from("\r\n0\r\n\r\n")]);
  it.each<[string, number, string, string, Uint8Array]>([
    ["a chunked body", 403, "content-length", "transfer-encoding: chunked\r\n", chunked],
    ["a request without length", 411, "content-length", "", Buffer.alloc(0)],
    ["a chunked body with a length", 400, "", "transfer-encoding: chunked\r\n", chunked],
    ["two lengths", 400, "", "content-length: 1000\r\n", bytes],
    ["a checksum that is given twice", 403, "", `x-amz-checksum-sha256: ${base64Of(bytes)}\r\n`, bytes],
    ["a type that is given twice", 403, "", "content-type: image/jpeg\r\n", bytes],
    ["a condition that is given twice", 403, "", "if-none-match: *\r\n", bytes],
    ["metadata that is given twice", 403, "", "X-Amz-Meta-Page: 1\r\n", bytes],
  ])("%s is answered with %i", async (_, status, left, added, body) => {
    const head = headOf(without(await bed.objects.signPut(grant), left), `connection: close\r\n${added}`);
    expect(statusOf(await sendRaw(bed.port, head, body))).toBe(status);
    await isEmpty();
  });

  it("names of headers may be written in any case", async () => {
    const request = await bed.objects.signPut(grant);
    const upper = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    expect(
      statusOf(
        await sendRaw(bed.port, headOf({ ...request, headers: upper }, "connection: close\r\n"), bytes),
      ),
    ).toBe(200);
  });

  it("a body that ends early is answered with 400 and leaves nothing", async () => {
    const head = headOf(await bed.objects.signPut(grant));
    expect(statusOf(await sendRaw(bed.port, head, bytes.subarray(0, 999), { end: true }))).toBe(400);
    await vi.waitFor(isEmpty);
  });

  it("a client that hangs up in the middle leaves nothing", async () => {
    const large = { ...grant, sizeBytes: 4_000_000 };
    const socket = connect(bed.port, "127.0.0.1");
    socket.write(headOf(await bed.objects.signPut(large)));
    socket.write(Buffer.alloc(3_000_000));
    await vi.waitFor(async () => expect((await contents()).temp).toHaveLength(1));
    socket.destroy();
    await vi.waitFor(isEmpty);
  });

  it("bytes after the signed length never reach the object", async () => {
    const head = headOf(await bed.objects.signPut(grant));
    const surplus = Buffer.from("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    const text = await sendRaw(bed.port, head, Buffer.concat([bytes, surplus]));
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 405"]);
    expect(await bed.objects.head(key)).toMatchObject({ sizeBytes: 1000, sha256: hexOf(bytes) });
  });

  it("a refused body without end is answered at once and cut off", async () => {
    const head = headOf(
      without(await bed.objects.signPut(grant), "content-length"),
      "transfer-encoding: chunked\r\n",
    );
    const socket = connect(bed.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(head);
    const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(0x100000), Buffer.from("\r\n")]);
    let sent = 0;
    const feed = () => {
      while (!socket.destroyed && socket.write(chunk)) sent += 1;
      sent += 1;
    };
    socket.on("drain", feed);
    feed();
    const closed = new Promise((resolve) => socket.on("close", resolve));
    const answer = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    expect(statusOf(answer.toString())).toBe(403);
    await closed;
    // Our own limit of 16 MiB, and what the kernel's buffers hold on both sides.
    expect(sent).toBeLessThan(64);
  });

  it("a client that reads nothing before it has sent its whole body still reads why it was refused", async () => {
    const large = Buffer.alloc(8 * 1024 * 1024);
    const sound = await bed.objects.signPut({ ...grant, sizeBytes: large.length });
    const socket = connect(bed.port, "127.0.0.1").pause();
    socket.write(headOf(without(sound, "if-none-match")));
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.write(large, () => resolve());
    });
    const [answer] = (await once(socket.resume(), "data")) as [Buffer];
    expect(statusOf(answer.toString())).toBe(403);
    socket.destroy();
  });

  it("a client that expects 100-continue is told to go on when its request is sound", async () => {
    const head = headOf(await bed.objects.signPut(grant), "expect: 100-continue\r\nconnection: close\r\n");
    const socket = connect(bed.port, "127.0.0.1");
    socket.write(head);
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(first.toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write(bytes);
    const [second] = (await once(socket, "data")) as [Buffer];
    expect(statusOf(second.toString())).toBe(200);
    socket.destroy();
  });

  it("a client that expects 100-continue is refused before it sends its body", async () => {
    const head = headOf(
      without(await bed.objects.signPut(grant), "if-none-match"),
      "expect: 100-continue\r\n",
    );
    const socket = connect(bed.port, "127.0.0.1");
    socket.write(head);
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(statusOf(first.toString())).toBe(403);
    socket.destroy();
  });
});

describe("uploads as browsers see them", () => {
  const preflight = (headers: Record<string, string>) =>
    send({ method: "OPTIONS", url: `http://127.0.0.1:${bed.port}/objects/${key}`, headers }, Buffer.alloc(0));

  it("a preflight allows the headers of a grant and no others", async () => {
    const asked = "content-type,if-none-match,X-Amz-Checksum-Sha256,x-amz-meta-page,x-amz-acl,authorization";
    const answer = await preflight({
      origin: "http://console.example",
      "access-control-request-method": "PUT",
      "access-control-request-headers": asked,
    });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "PUT",
      "access-control-allow-headers": "content-type, if-none-match, x-amz-checksum-sha256, x-amz-meta-page",
    });
  });

  it("a preflight for another method is refused", async () => {
    expect(
      (await preflight({ origin: "http://console.example", "access-control-request-method": "DELETE" }))
        .status,
    ).toBe(403);
  });

  it("an accepted upload shows its tag and checksum to the page", async () => {
    const answer = await send(await bed.objects.signPut(grant), bytes);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      "x-amz-checksum-sha256": base64Of(bytes),
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "etag, x-amz-checksum-sha256",
    });
  });

  it("a page may read why its upload was refused", async () => {
    const answer = await send(without(await bed.objects.signPut(grant), "if-none-match"), bytes);
    expect(answer.headers["access-control-allow-origin"]).toBe("*");
  });
});

describe("uploads and our own faults", () => {
  it("an object is told of once it can be read", async () => {
    await send(await bed.objects.signPut(grant), bytes);
    expect(bed.stored).toEqual([key]);
  });

  it("an upload succeeds although nobody could be told of it", async () => {
    const deaf = await openObjectTestbed({ onStored: () => Promise.reject(new Error("the queue is down")) });
    expect((await send(await deaf.objects.signPut(grant), bytes)).status).toBe(200);
    expect(await deaf.objects.head(key)).not.toBeNull();
    await vi.waitFor(() => expect(deaf.faults).toEqual([new Error("the queue is down")]));
    await deaf.close();
  });

  it("a store that cannot write answers 500, tells of the fault, and takes the upload later", async () => {
    const request = await bed.objects.signPut(grant);
    const temp = join(bed.root, "temp");
    await rm(temp, { recursive: true });
    await writeFile(temp, "");
    const answer = await send(request, bytes);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([500, "internal"]);
    expect(bed.faults.splice(0)).toHaveLength(1);
    await rm(temp);
    expect((await send(request, bytes)).status).toBe(500);
    expect(bed.faults.splice(0)).toHaveLength(1);
  });

  it("a disk that fills up in the middle of a body is answered with when to come again, not with a broken connection", async () => {
    const { intake } = bed.objects;
    const full = Object.assign(new Error("no space left"), { code: "ENOSPC" });
    const write: typeof intake.store.write = async (_key, body) => {
      for await (const _chunk of body) throw full;
      throw new Error("the body is empty");
    };
    const serve = createObjectServer({ intake: { ...intake, store: { ...intake.store, write } } });
    const server = createServer((request, response) => void serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const large = randomBytes(3_000_000);
    const request = await bed.objects.signPut({ ...grant, sizeBytes: large.length, sha256: hexOf(large) });
    const { port } = server.address() as AddressInfo;
    const answer = await send({ ...request, url: request.url.replace(/:\d+/, `:${port}`) }, large);
    expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(JSON.parse(answer.body)).toMatchObject({ code: "unavailable" });
    expect(bed.faults.splice(0)).toEqual([full]);
    await new Promise((resolve) => server.close(resolve));
  });
});

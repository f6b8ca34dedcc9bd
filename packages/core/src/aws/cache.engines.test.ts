import { mkdtemp, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "@strongroom/local/engines/certificate";
import { describeWith } from "@strongroom/local/engines/describe-with";
import { fetchRedis } from "@strongroom/local/engines/fetch-redis";
import { redisServer } from "@strongroom/local/engines/redis";
import { removeDirectory, startServerProcess } from "@strongroom/local/engines/server-process";
import { findPort } from "@strongroom/local/port";
import { createClient } from "@redis/client";
import { expect, onTestFinished, test } from "vitest";
import { cacheContract } from "../contract/cache.ts";
import { type LogFields, silentLog } from "../log.ts";
import { createValkeyCache } from "./cache.ts";

describeWith(redisServer, (redis) => {
  cacheContract("Valkey", async () => {
    await emptied(redis().url);
    const cache = await createValkeyCache({ url: redis().url, log: silentLog });
    return { cache, pass: (ms) => sleep(ms), close: () => cache.close() };
  });

  test("while the server is gone every answer is a miss, and when it is back it is asked again", async () => {
    const { cache, faults } = await openCache(redis().url);
    await cache.set("role", "driver", 60_000);
    await redis().kill();
    expect(await cache.get("role")).toBeNull();
    await cache.set("role", "agent", 60_000);
    await cache.delete("role");
    expect(faults.length).toBeGreaterThan(0);
    await redis().restart();
    const remembered = async () => {
      await cache.set("role", "agent", 60_000);
      return await cache.get("role");
    };
    await expect.poll(remembered, { timeout: 20_000 }).toBe("agent");
  });

  test("a server that is not there at first is found later", async () => {
    await redis().kill();
    const { cache } = await openCache(redis().url);
    expect(await cache.get("role")).toBeNull();
    await redis().restart();
    const remembered = async () => {
      await cache.set("found", "yes", 60_000);
      return await cache.get("found");
    };
    await expect.poll(remembered, { timeout: 20_000 }).toBe("yes");
  });

  test("a server that falls silent is asked once, not by every caller, and again when it speaks", async () => {
    const { url, asked, silence } = await proxyTo(redis().url);
    const { cache } = await openCache(url);
    await cache.set("role", "driver", 60_000);
    expect(await cache.get("role")).toBe("driver");
    silence(true);
    expect(await cache.get("role")).toBeNull();
    const before = asked();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => cache.get("role")));
    expect([new Set(answers), asked()]).toEqual([new Set([null]), before]);
    silence(false);
    await expect.poll(() => cache.get("role"), { timeout: 20_000 }).toBe("driver");
  });

  test("over TLS a server is believed only with a certificate of the known authority", async () => {
    const { url, ca } = await tlsServer();
    const { cache } = await openCache(url, ca);
    await cache.set("role", "driver", 60_000);
    expect(await cache.get("role")).toBe("driver");
    const { cache: doubting, faults } = await openCache(url);
    expect(await doubting.get("role")).toBeNull();
    expect(faults.join()).toMatch(/certificate/i);
  });
});

async function openCache(url: string, ca?: string) {
  const faults: string[] = [];
  const warn = (event: string, fields: LogFields = {}) =>
    void (event === "cache.fault" || ca === undefined
      ? faults.push(`${event} ${String(fields["error"])}`)
      : null);
  const cache = await createValkeyCache({
    url,
    ...(ca !== undefined && { ca }),
    log: { ...silentLog, warn },
  });
  onTestFinished(() => cache.close());
  return { cache, faults };
}

type Proxy = { url: string; asked(): number; silence(silent: boolean): void };

/** A way to a server that can be made to swallow what is sent on it; counts the GETs that came by. */
async function proxyTo(url: string): Promise<Proxy> {
  const { hostname: host, port } = new URL(url);
  const open = new Set<Socket>();
  let [silent, gets] = [false, 0];
  const proxy = createServer((client) => {
    const server = connect({ host, port: Number(port) });
    client.on("data", (chunk: Buffer) => (gets += chunk.toString().split("GET\r\n").length - 1));
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(from.on("error", () => {}).on("close", () => to.destroy()));
      from.on("data", (chunk) => void (silent || to.write(chunk)));
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    proxy.close();
  });
  const address = `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { url: address, asked: () => gets, silence: (to) => void (silent = to) };
}

async function emptied(url: string): Promise<void> {
  const client = createClient({ url });
  await client.connect();
  await client.flushAll();
  client.destroy();
}

/** A redis-server that speaks TLS alone. */
async function tlsServer(): Promise<{ url: string; ca: string }> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-redis-tls-"));
  const { ca, certificate, key } = await makeCertificate();
  const path = (name: string) => join(directory, name);
  await Promise.all([
    writeFile(path("ca"), ca),
    writeFile(path("certificate"), certificate),
    writeFile(path("key"), key),
  ]);
  const [port, { command, env }] = [await findPort(0), await fetchRedis()];
  const tls = [
    "--tls-cert-file",
    path("certificate"),
    "--tls-key-file",
    path("key"),
    "--tls-ca-cert-file",
    path("ca"),
  ];
  const args = [
    "--bind",
    "127.0.0.1",
    "--port",
    "0",
    "--tls-port",
    `${port}`,
    ...tls,
    "--tls-auth-clients",
    "no",
    "--save",
    "",
  ];
  const server = await startServerProcess({ command, args, env, directory, port });
  onTestFinished(async () => {
    await server.stop();
    await removeDirectory(directory);
  });
  return { url: `rediss://127.0.0.1:${port}`, ca };
}

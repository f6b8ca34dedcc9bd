import { createClient } from "@redis/client";
import type { RedisClientType } from "@redis/client";
import type { Log } from "../log.ts";
import type { Cache } from "../ports/cache.ts";

/** How long a caller waits for one answer; a lookup in Aurora takes about a millisecond, so more buys nothing. */
const answerMs = 100;
/** How long the cache is left alone after a fault: every call in this time is a miss at once. */
const restMs = 1_000;
export type ValkeyCacheOptions = {
  /** `redis://host:port`, or `rediss://host:port` for TLS. */
  url: string;
  username?: string;
  password?: string;
  /** Certificate authority in PEM, if not one that Node.js trusts. */
  ca?: string;
  log: Log;
};

/**
 * The cache in Valkey, or any other server of the Redis protocol. A fault is a miss, never an error and never slow: a
 * call takes 100 ms at most, and after a fault the server is left alone for a second. A `delete` lost to a fault leaves
 * the value until its time is over: what must be forgotten at once does not belong here. Every command has one key, so
 * the single endpoint of ElastiCache Serverless serves it.
 */
export async function createValkeyCache(
  options: ValkeyCacheOptions,
): Promise<Cache & { close(): Promise<void> }> {
  const line = new Line(options);
  await line.ask((client) => client.connect(), 10 * answerMs); // it goes on trying in the background
  return {
    get: (key) => line.ask((client) => client.get(key)),
    async set(key, value, ttlMs) {
      const px = Math.ceil(ttlMs);
      if (px > 0)
        await line.ask((client) => client.set(key, value, { expiration: { type: "PX", value: px } }));
      else await line.ask((client) => client.del(key));
    },
    async delete(key) {
      await line.ask((client) => client.del(key));
    },
    close: async () => line.close(),
  };
}

class Late extends Error {}

/** The way to the server: rests after a fault, and is laid anew when an answer came too late. */
class Line {
  readonly #options: ValkeyCacheOptions;
  #client: RedisClientType;
  #restUntil = 0;
  #closed = false;

  constructor(options: ValkeyCacheOptions) {
    this.#options = options;
    this.#client = clientOf(options);
  }

  /** What the server answers in time, or null. */
  async ask<T>(question: (client: RedisClientType) => Promise<T>, patienceMs = answerMs): Promise<T | null> {
    if (this.#closed || performance.now() < this.#restUntil) return null;
    const client = this.#client;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Late(`no answer within ${patienceMs} ms`)), patienceMs);
    try {
      return await Promise.race([question(client), late]);
    } catch (error) {
      this.#restUntil = performance.now() + restMs;
      this.#options.log.warn("cache.fault", { error: error as Error });
      if (error instanceof Late && client === this.#client) this.#renew();
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#client.isOpen) this.#client.destroy();
  }

  /** A server that has vanished lets its connections hang for a quarter of an hour. */
  #renew(): void {
    if (this.#closed) return;
    if (this.#client.isOpen) this.#client.destroy();
    this.#client = clientOf(this.#options);
    this.#client.connect().catch(() => {}); // whoever asks next is told
  }
}

function clientOf({ url, username, password, ca, log }: ValkeyCacheOptions): RedisClientType {
  const backoff = (retries: number) => Math.random() * Math.min(5_000, 50 * 2 ** Math.min(retries, 10));
  const socket = { connectTimeout: 10 * answerMs, reconnectStrategy: backoff };
  const client = createClient({
    url,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    socket: ca === undefined ? socket : { ...socket, tls: true, ca },
    disableOfflineQueue: true,
  }) as RedisClientType;
  client.on("error", (error: Error) => log.warn("cache.connection_lost", { error }));
  return client;
}

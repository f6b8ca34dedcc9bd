import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../port.ts";
import { type Engine } from "./engines.ts";
import { fetchRedis } from "./fetch-redis.ts";
import { removeDirectory, startServerProcess } from "./server-process.ts";

/** A Redis in memory, which may be killed and started again (empty). */
export type RedisServer = {
  /** `redis://127.0.0.1:<port>`, no password. */
  url: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** redis-server of Debian: the one on the PATH, or the package's files in the cache. */
export const redisServer: Engine<RedisServer> = {
  name: "redis",
  needs: [],
  fetch: async () => void (await fetchRedis()),
  async start() {
    const { command, env } = await fetchRedis();
    const directory = await mkdtemp(join(tmpdir(), "strongroom-redis-"));
    const port = await findPort(0);
    const args = [
      "--bind",
      "127.0.0.1",
      "--port",
      String(port),
      "--save",
      "",
      "--appendonly",
      "no",
      "--dir",
      directory,
    ];
    const launch = () => startServerProcess({ command, args, env, directory, port });
    let server = await launch();
    return {
      url: `redis://127.0.0.1:${port}`,
      kill: () => server.kill(),
      async restart() {
        server = await launch();
      },
      async stop() {
        await server.stop();
        await removeDirectory(directory);
      },
    };
  },
};

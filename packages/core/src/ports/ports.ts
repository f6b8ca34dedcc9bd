import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Ids } from "../ids.ts";
import type { Log } from "../log.ts";
import type { Cache } from "./cache.ts";
import type { Database } from "./database.ts";
import type { Keys } from "./keys.ts";
import type { Objects } from "./objects.ts";
import type { Push } from "./push.ts";
import type { Queue } from "./queue.ts";
import type { Stream } from "./stream.ts";

/** Everything the domain reaches the world through: seven ports, then time, ids, the log and the configuration. */
export type Ports = {
  objects: Objects;
  queue: Queue;
  stream: Stream;
  keys: Keys;
  database: Database;
  push: Push;
  cache: Cache;
  clock: Clock;
  ids: Ids;
  log: Log;
  config: Config;
};

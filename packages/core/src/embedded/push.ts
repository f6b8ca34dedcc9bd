import type pg from "pg";
import type { Connection } from "../ports/database.ts";
import type { Push, PushNotice } from "../ports/push.ts";
import { Bell } from "./bell.ts";
import { ensureTables, openPool } from "./postgres-session.ts";

const tagCharacters = 64;
/** In UTF-8: with a tag it fits into an entry of an index, which holds 2,704 bytes. Whatever is longer is no token. */
const tokenBytes = 2_048;
const pollMs = 1_000;

const tables = `
  create table embedded.push_token (
    token text primary key,
    last_place bigint not null default 0,
    unregistered_at timestamptz
  );
  create table embedded.push_inbox (
    token text not null references embedded.push_token,
    tag text not null,
    data jsonb not null,
    sent_at timestamptz not null,
    place bigint not null,
    primary key (token, tag)
  );
  create index push_inbox_place on embedded.push_inbox (token, place);`;

/** A notice in a device's inbox. */
export type ReceivedNotice = {
  tag: string;
  data: Record<string, string>;
  sentAt: Date;
  /** Grows with every send to this token; `received` and `subscribe` take it to go on after a notice. */
  place: number;
};

/** A push service that is an inbox: one row per token and tag, the newest notice of a tag alone. */
export type EmbeddedPush = Push & {
  /** Notices after a place, oldest first; from the beginning unless given. */
  received(token: string, after?: number): Promise<ReceivedNotice[]>;
  /** Marks a token as dead: from now on it answers `unregistered`. */
  unregister(token: string): Promise<void>;
  /** Calls `onNotice` for every notice after a place, kept ones first, until the answer of this function is called. */
  subscribe(token: string, onNotice: (notice: ReceivedNotice) => void, after?: number): () => void;
  close(): Promise<void>;
};

/** Opens the push inbox in PostgreSQL, on connections of its own; unknown tokens of up to 2,048 bytes are accepted. */
export async function createEmbeddedPush({ connection }: { connection: Connection }): Promise<EmbeddedPush> {
  const pool = openPool(connection, "push");
  try {
    await ensureTables(pool, "push_inbox", tables);
    return pushOn(pool, await Bell.open(connection, "embedded_push"));
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function pushOn(pool: pg.Pool, bell: Bell): EmbeddedPush {
  const closing = new AbortController();
  const readers = new Set<Promise<void>>();
  return {
    async send(notice) {
      const outcome = await deliver(pool, notice);
      if (outcome === "delivered") bell.ring(notice.token);
      return outcome;
    },
    received: (token, after = 0) => receivedAfter(pool, token, after),
    async unregister(token) {
      await pool.query(
        `insert into embedded.push_token (token, unregistered_at) values ($1, clock_timestamp())
         on conflict (token) do update set unregistered_at = excluded.unregistered_at`,
        [token],
      );
    },
    subscribe(token, onNotice, after = 0) {
      const leaving = new AbortController();
      const stop = AbortSignal.any([leaving.signal, closing.signal]);
      const reader = follow(pool, bell, token, after, onNotice, stop).finally(() => readers.delete(reader));
      readers.add(reader);
      return () => leaving.abort();
    },
    async close() {
      closing.abort();
      await Promise.all(readers);
      await bell.close();
      await pool.end();
    },
  };
}

/** The token's row is locked until commit, so places of one token appear in order: a reader skips none. */
async function deliver(
  pool: pg.Pool,
  { token, tag, data }: PushNotice,
): Promise<"delivered" | "unregistered"> {
  if (tag.length > tagCharacters) throw new RangeError(`a tag has at most ${tagCharacters} characters`);
  if (Buffer.byteLength(token) > tokenBytes) return "unregistered";
  const { rowCount } = await pool.query(
    `with next as (
       insert into embedded.push_token as known (token, last_place) values ($1, 1)
       on conflict (token) do update set last_place = known.last_place + 1 where known.unregistered_at is null
       returning last_place)
     insert into embedded.push_inbox (token, tag, data, sent_at, place)
     select $1, $2, $3, clock_timestamp(), last_place from next
     on conflict (token, tag) do update
       set data = excluded.data, sent_at = excluded.sent_at, place = excluded.place`,
    [token, tag, JSON.stringify(data)],
  );
  return rowCount === 0 ? "unregistered" : "delivered";
}

async function receivedAfter(pool: pg.Pool, token: string, after: number): Promise<ReceivedNotice[]> {
  const { rows } = await pool.query<ReceivedNotice>(
    `select tag, data, sent_at as "sentAt", place::float8 as place from embedded.push_inbox
     where token = $1 and place > $2 order by place`,
    [token, after],
  );
  return rows;
}

async function follow(
  pool: pg.Pool,
  bell: Bell,
  token: string,
  after: number,
  onNotice: (notice: ReceivedNotice) => void,
  stop: AbortSignal,
): Promise<void> {
  let place = after;
  while (!stop.aborted) {
    const count = bell.count(token);
    const notices = await receivedAfter(pool, token, place).catch(() => []); // an outage: looked at again in a moment
    for (const notice of notices) {
      if (stop.aborted) return;
      onNotice(notice);
      place = notice.place;
    }
    await bell.changed(token, count, pollMs, stop);
  }
}

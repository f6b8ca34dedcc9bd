import pg from "pg";
import type { Connection } from "../ports/database.ts";
import type { Topic } from "../ports/stream.ts";
import { sessionConfig } from "./postgres-session.ts";

/** First key of our two-key advisory locks; a subscription's id is added. The number is arbitrary, but fixed. */
const lockClass = 0x5352_0000;

/**
 * A member's seat in a group: one connection whose session holds, as advisory locks, the member's presence and its
 * partitions, and which alone commits its offsets. Whoever loses the session loses all three at once, so a member that
 * was thought dead cannot commit over its successor.
 */
export interface Seat {
  /** Aborted when the session is lost. */
  readonly lost: AbortSignal;
  /** Ends sessions of members that were silent for the member timeout, and counts those present, this one included. */
  countMembers(topic: Topic): Promise<number>;
  tryOwn(topic: Topic, partition: number): Promise<boolean>;
  disown(topic: Topic, partition: number): Promise<void>;
  committed(topic: Topic, partition: number): Promise<bigint>;
  commit(topic: Topic, partition: number, next: bigint): Promise<void>;
  /** Gives everything back. */
  leave(): Promise<void>;
}

/** Takes a seat in a group, present for these topics; rejects when the database cannot be reached. */
export async function takeSeat(
  connection: Connection,
  group: string,
  topics: readonly Topic[],
  memberTimeoutMs: number,
): Promise<Seat> {
  const lost = new AbortController();
  const client = new pg.Client(sessionConfig(connection, `stream ${group}`));
  client.on("error", () => {}); // "end" follows
  client.once("end", () => lost.abort());
  let before: Promise<unknown> = Promise.resolve();

  /** One statement at a time; any fault gives up the session, since what it holds is uncertain then. */
  function query<Row extends pg.QueryResultRow>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const asked = before.then(async () => {
      try {
        return (await client.query<Row>(sql, parameters)).rows;
      } catch (error) {
        lost.abort();
        throw error;
      }
    });
    before = asked.catch(() => {});
    return asked;
  }

  const end = () => client.end().catch(() => {});
  try {
    await client.connect();
    await query("set synchronous_commit = off"); // an offset lost in a crash is a record delivered again
    const classes = await subscribe(query, group, topics);
    const of = (topic: Topic) => classes.get(topic)!;
    return {
      lost: lost.signal,
      async countMembers(topic) {
        await query(evict, [of(topic).lock, memberTimeoutMs]);
        const rows = await query<{ members: number }>(
          `select count(*)::int as members from (${present}) member`,
          [of(topic).lock],
        );
        return rows[0]!.members;
      },
      async tryOwn(topic, partition) {
        const rows = await query<{ mine: boolean }>("select pg_try_advisory_lock($1, $2) as mine", [
          of(topic).lock,
          partition,
        ]);
        return rows[0]!.mine;
      },
      async disown(topic, partition) {
        await query("select pg_advisory_unlock($1, $2)", [of(topic).lock, partition]);
      },
      async committed(topic, partition) {
        const rows = await query<{ committed: string }>(
          "select committed from embedded.stream_group_offset where subscription = $1 and partition = $2",
          [of(topic).id, partition],
        );
        return BigInt(rows[0]?.committed ?? 0);
      },
      async commit(topic, partition, next) {
        await query(
          `insert into embedded.stream_group_offset as known (subscription, partition, committed) values ($1, $2, $3)
           on conflict (subscription, partition) do update set committed = excluded.committed`,
          [of(topic).id, partition, next],
        );
      },
      async leave() {
        await before;
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Locks with a negative second key are presences: minus the pid of the session. */
const present = `select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 2
  and database = (select oid from pg_database where datname = current_database())
  and classid::bigint = $1 and objid::bigint > 2147483647`;

/** A living member asks something several times within the timeout. */
const evict = `select pg_terminate_backend(pid) from pg_stat_activity where pid in (${present})
  and pid <> pg_backend_pid() and state_change < clock_timestamp() - $2 * interval '1 ms'`;

type Query = <Row extends pg.QueryResultRow>(sql: string, parameters?: unknown[]) => Promise<Row[]>;

async function subscribe(query: Query, group: string, topics: readonly Topic[]) {
  const classes = new Map<Topic, { id: number; lock: number }>();
  for (const topic of topics) {
    await query(
      "insert into embedded.stream_subscription (consumer_group, topic) values ($1, $2) on conflict do nothing",
      [group, topic],
    );
    const [row] = await query<{ id: number }>(
      "select id from embedded.stream_subscription where consumer_group = $1 and topic = $2",
      [group, topic],
    );
    classes.set(topic, { id: row!.id, lock: lockClass + row!.id });
    await query("select pg_advisory_lock($1, -pg_backend_pid())", [lockClass + row!.id]);
  }
  return classes;
}

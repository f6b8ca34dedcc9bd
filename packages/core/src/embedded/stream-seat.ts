import pg from "pg";
import type { Connection } from "../ports/database.ts";
import type { Topic } from "../ports/stream.ts";
import { kept, sessionConfig } from "./postgres-session.ts";

/** First key of our two-key advisory locks; a subscription's id is added. The number is arbitrary, but fixed. */
const lockClass = 0x5352_0000;

/** Locks with a negative second key are presences: minus the pid of the session. */
const present = `select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 2
  and database = (select oid from pg_database where datname = current_database())
  and classid::bigint = $1 and objid::bigint > 2147483647`;

/** A living member asks something several times within the timeout. */
const evict = `select pg_terminate_backend(pid) from pg_stat_activity where pid in (${present})
  and pid <> pg_backend_pid() and state_change < clock_timestamp() - $2 * interval '1 ms'`;

/**
 * A member's seat in a group: one connection whose session holds, as advisory locks, the member's presence and its
 * partitions, and which alone commits its offsets. Whoever loses the session loses all three at once, so a member that
 * was thought dead cannot commit over its successor.
 */
export class Seat {
  readonly #client: pg.Client;
  readonly #lost = new AbortController();
  readonly #memberTimeoutMs: number;
  readonly #subscriptions = new Map<Topic, number>();
  #before: Promise<unknown> = Promise.resolve();

  private constructor(client: pg.Client, memberTimeoutMs: number) {
    this.#client = client;
    this.#memberTimeoutMs = memberTimeoutMs;
    client.on("error", () => {}); // "end" follows
    client.once("end", () => this.#lost.abort());
  }

  /** Takes a seat in a group, present for these topics; rejects when the database cannot be reached. */
  static async take(
    connection: Connection,
    group: string,
    topics: readonly Topic[],
    memberTimeoutMs: number,
  ): Promise<Seat> {
    const seat = new Seat(new pg.Client(sessionConfig(connection, `stream ${group}`)), memberTimeoutMs);
    try {
      await seat.#client.connect();
      await seat.#query("set synchronous_commit = off"); // an offset lost in a crash is a record delivered again
      for (const topic of topics) await seat.#subscribe(group, topic);
      return seat;
    } catch (error) {
      await seat.leave();
      throw error;
    }
  }

  /** Aborted when the session is lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Ends sessions of members that were silent for the member timeout, and counts those present, this one included. */
  async countMembers(topic: Topic): Promise<number> {
    const lock = this.#lockOf(topic);
    await this.#query(evict, [lock, this.#memberTimeoutMs]);
    const rows = await this.#query<{ members: number }>(
      `select count(*)::int as members from (${present}) member`,
      [lock],
    );
    return rows[0]!.members;
  }

  /** Takes a partition unless another member has it. */
  async tryOwn(topic: Topic, partition: number): Promise<boolean> {
    const rows = await this.#query<{ mine: boolean }>("select pg_try_advisory_lock($1, $2) as mine", [
      this.#lockOf(topic),
      partition,
    ]);
    return rows[0]!.mine;
  }

  async disown(topic: Topic, partition: number): Promise<void> {
    await this.#query("select pg_advisory_unlock($1, $2)", [this.#lockOf(topic), partition]);
  }

  /** Offset of the next record that the group has to handle. */
  async committed(topic: Topic, partition: number): Promise<bigint> {
    const rows = await this.#query<{ committed: string }>(
      "select committed from embedded.stream_group_offset where subscription = $1 and partition = $2",
      [this.#subscriptions.get(topic), partition],
    );
    return BigInt(rows[0]?.committed ?? 0);
  }

  async commit(topic: Topic, partition: number, next: bigint): Promise<void> {
    await this.#query(
      `insert into embedded.stream_group_offset (subscription, partition, committed) values ($1, $2, $3)
       on conflict (subscription, partition) do update set committed = excluded.committed`,
      [this.#subscriptions.get(topic), partition, next],
    );
  }

  /** Gives everything back. */
  async leave(): Promise<void> {
    await this.#before;
    await this.#client.end().catch(() => {});
  }

  #lockOf(topic: Topic): number {
    return lockClass + this.#subscriptions.get(topic)!;
  }

  async #subscribe(group: string, topic: Topic): Promise<void> {
    const names = [group, topic];
    await this.#query(
      "insert into embedded.stream_subscription (consumer_group, topic) values ($1, $2) on conflict do nothing",
      names,
    );
    const rows = await this.#query<{ id: number }>(
      "select id from embedded.stream_subscription where consumer_group = $1 and topic = $2",
      names,
    );
    this.#subscriptions.set(topic, rows[0]!.id);
    await this.#query("select pg_advisory_lock($1, -pg_backend_pid())", [this.#lockOf(topic)]);
  }

  /** One statement at a time; any fault gives up the session, since what it holds is uncertain then. */
  #query<Row extends pg.QueryResultRow>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const asked = this.#before.then(async () => {
      try {
        return (await this.#client.query<Row>(kept(sql, parameters))).rows;
      } catch (error) {
        this.#lost.abort();
        throw error;
      }
    });
    this.#before = asked.catch(() => {});
    return asked;
  }
}

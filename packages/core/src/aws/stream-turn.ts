import { ConnectionPool, findErrorBy } from "@platformatic/kafka";
import type { BaseOptions, Consumer } from "@platformatic/kafka";
import { systemClock } from "../clock.ts";
import { Bell } from "./stream-bell.ts";
import { Committer } from "./stream-committer.ts";
import { Lane } from "./stream-lane.ts";
import type { Member } from "./stream-member.ts";
import { readOffsets } from "./stream-offsets.ts";

/** How long a broker may hold a fetch that finds nothing new. */
const holdMs = 500;
const partitionMaxBytes = 1_048_576;
const unknownEpoch = -1;

type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;
type Seat = { member: Member; consumer: Consumer; options: BaseOptions; fail: (error: Error) => void };

/** What a member does between two rebalances: fetches and handles the partitions that it was assigned, each by itself. */
export class Turn {
  readonly #seat: Seat;
  /** Its own, since a broker answers a connection's requests in turn: a held fetch must hold up no heartbeat, nor the next turn. */
  readonly #pool: ConnectionPool;
  readonly #stop = new AbortController();
  readonly #hungry = new Bell();
  readonly #done: Promise<void>;
  readonly #generation: number;
  #lanes: Lane[] = [];
  #committing = true;

  constructor(seat: Seat) {
    this.#seat = seat;
    this.#generation = seat.consumer.generationId;
    this.#pool = new ConnectionPool(`${seat.options.clientId}-fetch`, seat.options);
    this.#done = this.#run().catch((error: Error) => {
      if (!this.#stop.signal.aborted) seat.fail(error);
    });
  }

  /** Hands out no more records and waits up to `patienceMs` for those in hand; what ends later is not committed. */
  async end(patienceMs: number): Promise<void> {
    this.#stop.abort();
    this.#seat.member.held.partitions = null;
    this.#hungry.ring();
    for (const lane of this.#lanes) lane.filled.ring();
    const patience = new AbortController();
    await Promise.race([this.#done, systemClock.sleep(patienceMs, patience.signal)]);
    patience.abort();
    this.#committing = false;
    await this.#pool.close().catch(() => {}); // its broker may be gone
  }

  async #run(): Promise<void> {
    const opened = await this.#openLanes();
    this.#lanes = opened.map(({ lane }) => lane);
    const { member, fail } = this.#seat;
    if (!this.#stop.signal.aborted) member.held.partitions = () => this.#lanes;
    const committer = new Committer(this.#inThisGeneration());
    const commit = ({ name: topic, partition }: Lane, offset: bigint, leaderEpoch: number) => {
      if (!this.#committing) return;
      committer.commit({ topic, partition, offset, leaderEpoch }).catch((error: Error) => {
        if (!this.#stop.signal.aborted) fail(error); // after that, it comes again to whoever holds the partition next
      });
    };
    // MSK tells the lag of partitions that have a commit, and of no others: one whose first record is never handled would look even.
    for (const { lane, isNew } of opened) if (isNew) commit(lane, lane.next, unknownEpoch);
    const following = this.#lanes.map((lane) => lane.follow(member, commit, this.#stop.signal));
    await Promise.all([...following, this.#fetchAll()]);
    await committer.settled();
  }

  /** Commits nothing after the next rebalance: what is late would set back whoever holds the partition by then. */
  #inThisGeneration(): Pick<Consumer, "commit"> {
    const { consumer } = this.#seat;
    const commit = async (options: Parameters<Consumer["commit"]>[0]) => {
      if (consumer.generationId === this.#generation) await consumer.commit(options);
    };
    return { commit: commit as Consumer["commit"] };
  }

  /** Those that were assigned; `isNew`: the group has committed nothing in it so far. */
  async #openLanes(): Promise<{ lane: Lane; isNew: boolean }[]> {
    const { consumer, member } = this.#seat;
    const assigned = (consumer.assignments ?? []).filter(({ partitions }) => partitions.length > 0);
    const lanes = assigned.map(async ({ topic: name, partitions }) => {
      const { starts, commits } = await readOffsets(consumer, name);
      const topic = member.topics.find((one) => name === `${member.connection.prefix}${one}`)!;
      return partitions.map((partition) => {
        const committed = commits[partition]; // unknown of a partition that the cluster does not show yet
        const next = committed ?? -1n;
        const lane = new Lane({ topic, name, partition, next, hungry: this.#hungry });
        this.#skipTo(lane, starts[partition] ?? 0n);
        return { lane, isNew: committed === -1n };
      });
    });
    return (await Promise.all(lanes)).flat();
  }

  /** One fetch at a time per broker, for the partitions of which little is in hand: a blocked one is not asked for. */
  async #fetchAll(): Promise<void> {
    const { consumer } = this.#seat;
    const fetching = new Map<number, Promise<void>>();
    while (!this.#stop.signal.aborted && this.#lanes.length > 0) {
      const hungry = this.#hungry.next;
      const names = [...new Set(this.#lanes.map((lane) => lane.name))];
      const { topics } = await consumer.metadata({ topics: names });
      const place = (lane: Lane) => topics.get(lane.name)!;
      const leader = (lane: Lane) => place(lane).partitions[lane.partition]!.leader;
      const asking = this.#lanes.filter((lane) => lane.hasRoom && !fetching.has(leader(lane)));
      for (const [node, lanes] of Map.groupBy(asking, leader)) {
        const fetched = this.#fetch(node, lanes, (lane) => place(lane).id);
        const ended = fetched.finally(() => fetching.delete(node));
        ended.catch(() => {}); // it is heard below, or this turn is over
        fetching.set(node, ended);
      }
      await Promise.race([...fetching.values(), hungry]);
    }
  }

  async #fetch(node: number, lanes: Lane[], idOf: (lane: Lane) => string): Promise<void> {
    const { consumer } = this.#seat;
    const topics = lanes.map((lane) => ({ topicId: idOf(lane), partitions: [wish(lane)] }));
    try {
      const patience = { maxWaitTime: holdMs, minBytes: 1 };
      const response = await consumer.fetch({ node, topics, connectionPool: this.#pool, ...patience });
      if (!this.#stop.signal.aborted) fill(lanes, response, idOf);
    } catch (error) {
      if (!findErrorBy(error as Error, "apiId", "OFFSET_OUT_OF_RANGE")) throw error;
      if (!(await this.#skipExpired(lanes))) throw error;
    }
  }

  /** Whether any lane had to skip; otherwise the log is shorter than what was read of it, which nobody mends here. */
  async #skipExpired(lanes: Lane[]): Promise<boolean> {
    let skipped = false;
    for (const lane of lanes) {
      const { starts } = await readOffsets(this.#seat.consumer, lane.name);
      skipped = this.#skipTo(lane, starts[lane.partition] ?? 0n) || skipped;
    }
    return skipped;
  }

  /** Goes on at what the topic still has; when retention was quicker than this group, says so. */
  #skipTo(lane: Lane, start: bigint): boolean {
    const from = lane.next;
    if (!lane.skipTo(start)) return false;
    const { log, group } = this.#seat.member;
    const { topic, partition } = lane;
    const fields = { group, topic, partition, from: `${from}`, to: `${start}` };
    if (from >= 0n) log.error("stream.records_expired", fields); // below: the group has never been here
    return true;
  }
}

const wish = ({ partition, next }: Lane) => ({
  partition,
  fetchOffset: next,
  currentLeaderEpoch: unknownEpoch,
  lastFetchedEpoch: unknownEpoch,
  partitionMaxBytes,
});

function fill(lanes: Lane[], response: FetchResponse, idOf: (lane: Lane) => string): void {
  const wanted = new Map(lanes.map((lane) => [`${idOf(lane)}/${lane.partition}`, lane]));
  for (const { topicId, partitions } of response.responses) {
    for (const { partitionIndex, records } of partitions) {
      for (const batch of records ?? []) wanted.get(`${topicId}/${partitionIndex}`)?.take(batch);
    }
  }
}

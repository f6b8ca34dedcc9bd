/** The table of all queues, dead letters included. */
export const queueTables = `
  create table embedded.queue_message (
    id bigint generated always as identity primary key,
    message_id uuid not null,
    queue text not null,
    body text not null,
    attributes jsonb not null,
    sent_at timestamptz not null,
    visible_at timestamptz not null,
    receipt uuid,
    receive_count integer not null default 0,
    dead_at timestamptz
  ) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
  create index queue_message_alive on embedded.queue_message (queue, visible_at, id) where dead_at is null;
  create index queue_message_dead on embedded.queue_message (queue, visible_at, id) where dead_at is not null;
  create unique index queue_message_receipt on embedded.queue_message (receipt);`;

/** As a subquery the volatile clock is read once per statement, so that the index can be used. */
const now = "(select clock_timestamp())";
const loan = "message_id as id, receipt, body, receive_count, attributes, dead_at is not null as dead";
/** A message as `take` and `takeDead` answer it; `dead` when it became a dead letter instead of being loaned. */
export type LoanRow = {
  id: string;
  receipt: string;
  body: string;
  receive_count: number;
  attributes: Record<string, string>;
  dead: boolean;
};

/** One statement, one verb; `$1` is the queue's name wherever there is one. */
export const queueStatements = {
  send: `insert into embedded.queue_message (message_id, queue, body, attributes, sent_at, visible_at)
    select gen_random_uuid(), $1, $2, $3, at, at + $4 * interval '1 ms' from clock_timestamp() at`,
  /**
   * Loans what is visible; what was delivered too often becomes a dead letter instead. One statement, so that a message
   * is on loan to one receiver only.
   */
  take: (order: "random()" | "visible_at, id") => `with due as materialized (
      select id, receive_count < $4 as alive from embedded.queue_message
      where queue = $1 and dead_at is null and visible_at <= ${now}
      order by ${order} limit $2 for update skip locked)
    update embedded.queue_message message set
      receipt = case when alive then gen_random_uuid() end,
      receive_count = case when alive then receive_count + 1 else receive_count end,
      visible_at = case when alive then clock_timestamp() + $3 * interval '1 ms' else clock_timestamp() end,
      dead_at = case when alive then null else clock_timestamp() end
    from due where message.id = due.id
    returning ${loan}`,
  /** A copy that is delivered whatever happens to the first delivery. */
  double: `insert into embedded.queue_message (message_id, queue, body, attributes, sent_at, visible_at, receive_count)
    select message_id, queue, body, attributes, sent_at, clock_timestamp(), receive_count
    from embedded.queue_message where receipt = $1`,
  untilNext: `select extract(epoch from min(visible_at) - clock_timestamp())::float8 * 1000 as "untilMs"
    from embedded.queue_message where queue = $1 and dead_at is null`,
  extend: `update embedded.queue_message set visible_at = clock_timestamp() + $3 * interval '1 ms'
    where queue = $1 and receipt = $2 and dead_at is null`,
  acknowledge: "delete from embedded.queue_message where queue = $1 and receipt = $2 and dead_at is null",
  release: `update embedded.queue_message set receipt = null, visible_at = clock_timestamp() + $3 * interval '1 ms'
    where queue = $1 and receipt = $2 and dead_at is null`,
  bury: `update embedded.queue_message set dead_at = clock_timestamp(), visible_at = clock_timestamp(), receipt = null
    where queue = $1 and dead_at is null and receive_count >= $2 and visible_at <= ${now}`,
  takeDead: `with due as materialized (
      select id from embedded.queue_message where queue = $1 and dead_at is not null and visible_at <= ${now}
      order by visible_at, id limit $2 for update skip locked)
    update embedded.queue_message message set receipt = gen_random_uuid(), receive_count = receive_count + 1,
      visible_at = clock_timestamp() + $3 * interval '1 ms'
    from due where message.id = due.id
    returning ${loan}`,
  acknowledgeDead:
    "delete from embedded.queue_message where queue = $1 and receipt = $2 and dead_at is not null",
  depth: `select count(*) filter (where state = 'waiting')::int as waiting,
      count(*) filter (where state = 'on loan')::int as "inFlight",
      count(*) filter (where state = 'dead')::int as dead,
      (extract(epoch from clock_timestamp() - min(sent_at) filter (where state = 'waiting')) * 1000)::float8
        as "oldestWaitingMs"
    from (select sent_at, case when dead_at is not null then 'dead'
        when receipt is not null and visible_at > ${now} then 'on loan' else 'waiting' end as state
      from embedded.queue_message where queue = $1) message`,
};

import { withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { ageMsOf } from "./process-tree.ts";

/** A document in the hands of a worker. */
export type Held = { tenantId: string; id: string; token: number; worker: string };

/** `tenant/document/token` of an attempt: so it stands in the vault, too. */
export const nameOf = ({ tenantId, id, token }: Held): string => `${tenantId}/${id}/${token}`;

/** What the harness looks up in the database while it injures, past all proxies, on one connection. */
export type Ledger = {
  /** Attempts under way; empty while the database is just being started anew. */
  inHand(): Promise<Held[]>;
  /** Whether the worker that has this process id now has told of its health: one that was killed is never forgotten, and ids come again. */
  hasBegun(pid: number): Promise<boolean>;
  /** Rings once more for attempts, named `tenant/document/token`, ahead of all others: a doorbell may always come twice. */
  ring(attempts: string[]): Promise<void>;
  /** The token of the last claim of each of these documents. */
  tokensOf(ids: string[]): Promise<Map<string, number>>;
  /** Delivers the doorbell of a document again, as when its visibility has ended. */
  redeliver(id: string): Promise<void>;
  /** Whether no doorbell of this document is left, a dead one neither; false while it is not known. */
  isAcknowledged(id: string): Promise<boolean>;
  close(): Promise<void>;
};

type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Opens a connection when it is needed, and another when that one is lost. */
export function openLedger(superuser: Connection): Ledger {
  const done = Promise.withResolvers<void>();
  let opening: Promise<Query> | null = null;
  const connect = () =>
    new Promise<Query>((opened, failed) => {
      withClient(superuser, async (client) => {
        const lost = new Promise<void>((resolve) => client.once("end", () => resolve()));
        opened(async (text, values) => (await client.query(text, values)).rows as never[]);
        await Promise.race([done.promise, lost]);
        opening = null;
      }).catch((error: Error) => {
        opening = null;
        failed(error);
      });
    });
  const query: Query = async (text, values) => {
    const ask = await (opening ??= connect());
    return await ask(text, values);
  };
  return {
    inHand: () =>
      query<Held>(
        `select d.tenant_id as "tenantId", d.id, lease_token::int as token, coalesce(a.actor, '') as worker
         from document d left join audit a on (a.tenant_id, a.subject) = (d.tenant_id, d.id::text)
           and a.action = 'document.claimed' and (a.detail ->> 'token')::bigint = d.lease_token
         where d.state = 'processing' and d.lease_until is not null`,
      ).catch(() => []),
    hasBegun: async (pid) => {
      const ageMs = await ageMsOf(pid);
      const told = `select from worker
        where name like '%-' || $1 and beat_at > clock_timestamp() - $2::float8 * interval '1 millisecond'`;
      return ageMs !== null && (await query(told, [`${pid}`, ageMs]).catch(() => [])).length > 0;
    },
    tokensOf: async (ids) => {
      const rows = await query<{ id: string; token: number }>(
        "select id, lease_token::int as token from document where id = any($1::uuid[])",
        [ids],
      ).catch(() => []);
      return new Map(rows.map(({ id, token }) => [id, token]));
    },
    ...doorbells(query),
    close: async () => done.resolve(),
  };
}

function doorbells(query: Query): Pick<Ledger, "ring" | "redeliver" | "isAcknowledged"> {
  return {
    ring: async (attempts) => {
      for (const [tenantId, documentId] of attempts.map((one) => one.split("/")))
        await query(
          `insert into embedded.queue_message (message_id, queue, body, attributes, sent_at, visible_at)
           select gen_random_uuid(), 'documents', $1, '{}', at, at - interval '1 hour' from clock_timestamp() at
           returning pg_notify('embedded_queue', 'documents')`,
          [JSON.stringify({ tenantId, documentId })],
        ).catch(() => []);
    },
    redeliver: async (id) => {
      await query(
        `update embedded.queue_message set visible_at = clock_timestamp() - interval '1 hour'
         where dead_at is null and queue in ('documents', 'late') and position($1 in body) > 0
         returning pg_notify('embedded_queue', queue)`,
        [id],
      ).catch(() => []);
    },
    isAcknowledged: async (id) => {
      const rows = await query<{ left: number }>(
        `select count(*)::int as left from embedded.queue_message
         where queue in ('documents', 'late') and position($1 in body) > 0`,
        [id],
      ).catch(() => [{ left: 1 }]);
      return rows[0]?.left === 0;
    },
  };
}

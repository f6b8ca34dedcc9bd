import pg from "pg";
import type { Connection } from "../ports/database.ts";
import { sessionConfig } from "./postgres-session.ts";

/**
 * Wakes those who wait, in every process on one database, by LISTEN and NOTIFY. Best effort: a ring during an outage is
 * lost, so whoever waits also looks by himself now and then. Reconnects by itself, and then wakes everybody.
 */
export interface Bell {
  /** Wakes those who wait for `name`; returns at once. */
  ring(name: string): void;
  /** How often `name` has rung: taken before looking, so that no ring between looking and waiting is missed. */
  count(name: string): number;
  /** Resolves when `name` has rung since `count`, after `limitMs`, on abort or on close; never rejects. */
  changed(name: string, count: number, limitMs: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const reconnectMs = 100;

/** Opens a bell on a PostgreSQL channel; rejects when the database cannot be reached now. */
export async function openBell(connection: Connection, channel: string): Promise<Bell> {
  const waiting = new Set<{ name: string; wake: () => void }>();
  const counts = new Map<string, number>();
  const unsent = new Set<string>();
  let everybody = 0;
  let client: pg.Client | null = null;
  let sending: Promise<void> = Promise.resolve();
  let reconnecting: NodeJS.Timeout | null = null;
  let closed = false;

  const count = (name: string): number => (counts.get(name) ?? 0) + everybody;

  function heard(name: string): void {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const one of [...waiting]) if (one.name === name) one.wake();
  }

  function wakeEverybody(): void {
    everybody++;
    for (const one of [...waiting]) one.wake();
  }

  async function connect(): Promise<void> {
    const fresh = new pg.Client(sessionConfig(connection, `bell ${channel}`));
    fresh.on("error", () => {}); // "end" follows
    try {
      await fresh.connect();
      await fresh.query("set synchronous_commit = off"); // a ring must not wait for the disk
      const { rows } = await fresh.query<{ pid: number }>("select pg_backend_pid() as pid");
      fresh.on("notification", ({ payload, processId }) => {
        if (processId !== rows[0]?.pid) heard(payload ?? ""); // our own rings were heard when they were rung
      });
      await fresh.query(`listen ${fresh.escapeIdentifier(channel)}`);
    } catch (error) {
      await fresh.end().catch(() => {});
      throw error;
    }
    if (closed) return fresh.end();
    client = fresh;
    fresh.once("end", lost);
    wakeEverybody();
  }

  function lost(): void {
    client = null;
    if (!closed) reconnecting = setTimeout(() => void connect().catch(lost), reconnectMs);
  }

  /** Rings that come while one is on its way travel together. */
  async function send(): Promise<void> {
    const names = [...unsent];
    unsent.clear();
    const current = client;
    if (current === null || names.length === 0) return;
    try {
      await current.query("select pg_notify($1, name) from unnest($2::text[]) name", [channel, names]);
    } catch {
      await current.end().catch(() => {}); // a silent connection, too, is given up and made anew
    }
  }

  function changed(name: string, since: number, limitMs: number, signal?: AbortSignal): Promise<void> {
    if (closed || signal?.aborted || count(name) !== since) return Promise.resolve();
    return new Promise((resolve) => {
      const one = { name, wake };
      const timer = setTimeout(wake, limitMs);
      function wake(): void {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        waiting.delete(one);
        resolve();
      }
      signal?.addEventListener("abort", wake);
      waiting.add(one);
    });
  }

  await connect();
  return {
    ring: (name) => {
      if (closed) return;
      heard(name);
      unsent.add(name);
      if (unsent.size === 1) sending = sending.then(send);
    },
    count,
    changed,
    close: async () => {
      closed = true;
      if (reconnecting !== null) clearTimeout(reconnecting);
      wakeEverybody();
      await sending;
      await client?.end().catch(() => {});
    },
  };
}

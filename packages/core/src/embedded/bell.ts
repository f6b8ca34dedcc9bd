import pg from "pg";
import type { Connection } from "../ports/database.ts";
import { kept, sessionConfig } from "./postgres-session.ts";

const reconnectMs = 100;

/**
 * Wakes those who wait, in every process on one database, by LISTEN and NOTIFY. Best effort: a ring during an outage is
 * lost, so whoever waits also looks by himself now and then. Reconnects by itself, and then wakes everybody.
 */
export class Bell {
  readonly #connection: Connection;
  readonly #channel: string;
  readonly #waiting = new Set<{ name: string; wake: () => void }>();
  readonly #counts = new Map<string, number>();
  readonly #unsent = new Set<string>();
  #reconnects = 0;
  #client: pg.Client | null = null;
  #sending: Promise<void> = Promise.resolve();
  #reconnecting: NodeJS.Timeout | null = null;
  #closed = false;

  private constructor(connection: Connection, channel: string) {
    this.#connection = connection;
    this.#channel = channel;
  }

  /** Opens a bell on a PostgreSQL channel; rejects when the database cannot be reached now. */
  static async open(connection: Connection, channel: string): Promise<Bell> {
    const bell = new Bell(connection, channel);
    await bell.#connect();
    return bell;
  }

  /** How often `name` has rung: taken before looking, so that no ring between looking and waiting is missed. */
  count(name: string): number {
    return (this.#counts.get(name) ?? 0) + this.#reconnects;
  }

  /** Resolves when `name` has rung since `count`, after `limitMs`, on abort or on close; never rejects. */
  changed(name: string, count: number, limitMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#closed || signal?.aborted || this.count(name) !== count) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        this.#waiting.delete(one);
        resolve();
      };
      const one = { name, wake };
      const timer = setTimeout(wake, limitMs);
      signal?.addEventListener("abort", wake);
      this.#waiting.add(one);
    });
  }

  /** Wakes those who wait for `name`; returns at once. */
  ring(name: string): void {
    if (this.#closed) return;
    this.#heard(name);
    this.#unsent.add(name);
    if (this.#unsent.size === 1) this.#sending = this.#sending.then(() => this.#send());
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#reconnecting !== null) clearTimeout(this.#reconnecting);
    this.#wakeEverybody();
    await this.#sending;
    await this.#client?.end().catch(() => {});
  }

  #heard(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    for (const one of [...this.#waiting]) if (one.name === name) one.wake();
  }

  #wakeEverybody(): void {
    this.#reconnects++;
    for (const one of [...this.#waiting]) one.wake();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(sessionConfig(this.#connection, `bell ${this.#channel}`));
    client.on("error", () => {}); // "end" follows
    try {
      await client.connect();
      await client.query("set synchronous_commit = off"); // a ring must not wait for the disk
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      client.on("notification", ({ payload, processId }) => {
        if (processId !== rows[0]?.pid) this.#heard(payload ?? ""); // our own rings were heard when they were rung
      });
      await client.query(`listen ${client.escapeIdentifier(this.#channel)}`);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    if (this.#closed) return client.end();
    this.#client = client;
    client.once("end", () => this.#lost());
    this.#wakeEverybody();
  }

  #lost(): void {
    this.#client = null;
    if (this.#closed) return;
    this.#reconnecting = setTimeout(() => void this.#connect().catch(() => this.#lost()), reconnectMs);
  }

  /** Rings that come while one is on its way travel together. */
  async #send(): Promise<void> {
    const names = [...this.#unsent];
    this.#unsent.clear();
    const client = this.#client;
    if (client === null || names.length === 0) return;
    try {
      const ring = "select pg_notify($1, name) from unnest($2::text[]) name";
      await client.query(kept(ring, [this.#channel, names]));
    } catch {
      await client.end().catch(() => {}); // a silent connection, too, is given up and made anew
    }
  }
}

import { defaultClaims } from "@strongroom/core/claim-names";
import { type Config, dividePeriods } from "@strongroom/core/config";
import { vaultKey } from "@strongroom/core/document/seal-document";
import { sealedLength } from "@strongroom/core/document/sealing";
import { TenantId, UserId } from "@strongroom/core/ids";
import { silentLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Actor } from "@strongroom/core/user/user";
import { SimulatedPostgres } from "../database/simulated-database.ts";
import type { Row } from "../database/rows.ts";
import type { Random } from "../random.ts";
import { Bytes, dataKeyOf, sealedDigest } from "./bytes.ts";
import { Ledger } from "./ledger.ts";
import { ObjectStore } from "./objects.ts";
import { drawPlans, type Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import { Queues } from "./queues.ts";
import { Schedule } from "./schedule.ts";
import { Outbox } from "./outbox.ts";
import { Streams } from "./streams.ts";

export const tenantId = TenantId.parse("01980000-0000-7000-9000-000000000001");
const driverId = UserId.parse("01980000-0000-7000-9000-000000000002");
export const driver: Actor = { tenantId, userId: driverId, role: "driver" };
export const agent: Actor = {
  ...driver,
  userId: UserId.parse("01980000-0000-7000-9000-000000000003"),
  role: "agent",
};
export const pushToken = "token-of-the-driver";

/** The periods of production: time costs nothing here. */
const config: Config = {
  publicUrl: "https://strongroom.example",
  cell: "even",
  backend: { kind: "embedded" } as Config["backend"],
  auth: { issuer: "https://issuer.example", audience: "strongroom", claims: defaultClaims },
  secrets: { uploadKey: new Uint8Array(32), ticketKey: new Uint8Array(32), originSecrets: [] },
  periods: dividePeriods(1),
  jobs: 2,
  maxRetries: 3,
  backupDays: 35,
};
export const { periods } = config;

/** A whole system in memory, with nothing in it but two plans of a driver. */
export class World {
  readonly schedule: Schedule;
  readonly postgres: SimulatedPostgres;
  readonly ledger = new Ledger();
  readonly queues: Queues;
  readonly store: ObjectStore;
  readonly streams: Streams;
  readonly plans: Plan[];
  readonly bytes: Bytes;
  readonly outbox: Outbox;
  /** A fault that no process may have: it ends the history. */
  fault: Error | null = null;
  #ids = 0;
  #keys = 0;

  constructor(random: Random, traced: boolean) {
    this.schedule = new Schedule(random, traced);
    this.postgres = new SimulatedPostgres(this.schedule);
    this.queues = new Queues(this.schedule);
    this.streams = new Streams(this.schedule);
    this.outbox = new Outbox(this.schedule, this.postgres);
    this.store = new ObjectStore(this.schedule, this.queues, this.ledger);
    this.plans = drawPlans(random);
    this.bytes = new Bytes(
      this.schedule,
      new Map(this.plans.toReversed().map((plan) => [plan.request.id, plan])),
    );
    this.#seed();
    // Named first: a function literal that is assigned to a property is made in the old heap, and holds its world there.
    const record: SimulatedPostgres["onCommit"] = (table, { committed }, { openedAt }) =>
      this.#record(table.name, committed, openedAt);
    this.postgres.onCommit = record;
    if (random.chance(0.06)) this.#restore();
  }

  /** The ports of one process. */
  connect(process: Process): Ports {
    const { schedule } = this;
    return {
      objects: this.store.connect(process),
      queue: this.queues.connect(process),
      stream: this.streams.connect(process),
      database: this.postgres.connect(process),
      keys: {
        generateDataKey: (context) => schedule.call(process, "make a data key", () => this.#makeKey(context)),
        openDataKey: () => Promise.reject(new Error("nobody opens keys here")),
        sign: () =>
          schedule.call(process, "sign", () => ({ signature: new Uint8Array(64), kid: "receipts" })),
        publicKeys: async () => [{ kid: "receipts" } as never],
      },
      push: {
        send: ({ token, tag }) =>
          schedule.call(process, `push ${tag}`, () => {
            this.ledger.pushes.push({ token, tag });
            return "delivered" as const;
          }),
      },
      cache: { get: async () => null, set: async () => {}, delete: async () => {} },
      clock: {
        now: () => new Date(schedule.now),
        monotonicMs: () => schedule.now,
        sleep: (delayMs, signal) => this.#sleep(process, delayMs, signal),
      },
      ids: { uuid: () => this.#uuid(), random: (length) => this.#randomBytes(length) },
      log: silentLog,
      config,
    };
  }

  /** A process ended with an error that nobody caught: in production it would have died of it. */
  fail(process: Process, error: unknown): void {
    this.fault ??= new Error(`${process.name} died of an error`, { cause: error });
  }

  #sleep(process: Process, delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => void this.schedule.call(process, "wake", () => {}, { exempt: true }).then(resolve);
    const timer = this.schedule.after(delayMs, () => {
      signal?.removeEventListener("abort", leave);
      if (process.alive) wake();
    });
    const leave = () => {
      this.schedule.cancel(timer);
      resolve();
    };
    signal?.addEventListener("abort", leave, { once: true });
    return promise;
  }

  #uuid(): string {
    return `01980000-0000-7000-a000-${(++this.#ids).toString(16).padStart(12, "0")}`;
  }

  #randomBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.schedule.random.draw() >>> 24;
    return bytes;
  }

  #makeKey(context: Record<string, string>) {
    const number = ++this.#keys;
    this.ledger.dataKeys.set(number, `${context["tenant"]}/${context["document"]}/${context["attempt"]}`);
    return { plaintext: dataKeyOf(number), wrapped: dataKeyOf(number), rootKeyId: "root" };
  }

  #record(table: string, row: Row | null, openedAt: number): void {
    if (row === null) return;
    if (table === "outbox" && !this.ledger.events.has(row["id"] as number)) {
      this.ledger.events.set(row["id"] as number, row);
      this.outbox.ring();
    }
    if (table !== "document") return;
    const id = row["id"] as string;
    const versions = this.ledger.documents.get(id) ?? [];
    versions.push({ at: this.schedule.now, openedAt, row });
    this.ledger.documents.set(id, versions);
    this.schedule.note(
      () =>
        `${" ".repeat(17)}document ${id.slice(-2)} is ${String(row["state"])}, token ${String(row["lease_token"])}`,
    );
  }

  #seed(): void {
    const session = this.postgres.open();
    const insert = (table: string, row: Row) => {
      const { tables, means } = this.postgres;
      const { definition } = tables.get(table)!;
      tables.get(table)!.insert(session, { ...definition.defaults(means.now, means.nextId), ...row });
    };
    insert("tenant", { id: tenantId, name: "One" });
    insert("document_kind", { tenant_id: tenantId, name: "cmr", title: "CMR", retention_days: 365 });
    insert("app_user", { tenant_id: tenantId, id: driverId, role: "driver" });
    insert("device", { tenant_id: tenantId, id: "device", user_id: driverId, push_token: pushToken });
    session.commit();
  }

  /** The database was restored from a backup: tokens are drawn again, and the vault knows attempts that it forgot. */
  #restore(): void {
    this.schedule.count("database restored");
    const { id, files } = this.plans[0]!.request;
    const { sha256: plaintextSha256, sizeBytes } = files[0]!;
    for (let attempt = 1; attempt <= 2; attempt++) {
      const to = { tenantId, documentId: id, artefact: "original-1", attempt: String(attempt) };
      const sealed = { ...to, plaintextSha256, dataKey: 0 };
      this.store.put(vaultKey(to), {
        sha256: sealedDigest(0),
        sizeBytes: sealedLength(to, sizeBytes),
        sealed,
      });
    }
  }
}

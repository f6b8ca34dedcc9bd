import type { Clock } from "@strongroom/core/clock";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import { withClient } from "@strongroom/core/database/roles";
import {
  processDocument,
  type ProcessPorts,
  type Processed,
} from "@strongroom/core/document/process-document";
import type { MediaType, RenderedPage, Renderer, Rendering } from "@strongroom/core/document/rendering";
import type { Doorbell } from "@strongroom/core/job/ring-doorbell";
import type { Actor } from "@strongroom/core/user/user";
import { declare, newDocumentId, putAll, type TestWorld } from "./test-world.ts";

/** Uploads a document as a driver does, until it is `received`; answers its doorbell. */
export async function receive({ ports }: TestWorld, actor: Actor, files: Uint8Array[]): Promise<Doorbell> {
  const declared = files.map((bytes, index) => declare(bytes, `page ${index + 1}.jpg`));
  const { document, uploads } = await acceptUpload(ports, actor, {
    id: newDocumentId(),
    kind: "cmr",
    files: declared,
  });
  await putAll(uploads, files);
  await completeUpload(ports, actor, document.id);
  return { tenantId: actor.tenantId, documentId: document.id };
}

/** What a child was asked for. */
export type RenderJob = { path: string; tight: boolean; signal?: AbortSignal };
/** A renderer without children that answers as the test says, and keeps what it was asked. */
export type StandInRenderer = Renderer & { jobs: RenderJob[] };

/** `answer` gets the job and how many came before it. */
export function standInRenderer(
  answer: (job: RenderJob, before: number) => Rendering | Promise<Rendering> = () => photo(),
): StandInRenderer {
  const jobs: RenderJob[] = [];
  return {
    jobs,
    isolation: { network: "none", memoryLimit: "rlimit", environment: "empty" },
    render: async (path, options) => await answer({ path, ...options }, jobs.push({ path, ...options }) - 1),
    close: async () => {},
  };
}

/** As much of a grey JPEG of 20 × 30 pixels as a combined PDF wants to know, and a text that tells it from others. */
export function picture(text: string): Buffer {
  return Buffer.concat([Buffer.from("ffd8ffc0000b08001e001401011100ffd9", "hex"), Buffer.from(text)]);
}

/** A rendered page whose bytes tell it from others. */
export function page(mark: string, legibility: RenderedPage["legibility"] = []): RenderedPage {
  const image = (what: string) => ({ bytes: picture(`${what} ${mark}`), width: 20, height: 30 });
  return { rendition: image("rendition"), thumbnail: image("thumbnail"), legibility };
}

/** What a child makes of a photo. */
export function photo(mark = "a", legibility: RenderedPage["legibility"] = []): Rendering {
  return {
    outcome: "rendered",
    mediaType: "image/jpeg",
    pageCount: 1,
    pages: [page(mark, legibility)],
    text: null,
    captureFacts: null,
  };
}

/** What a child makes of a PDF: a preview of the first pages, text of all. */
export function pdf(previews: number, text: string[]): Rendering {
  const pages = Array.from({ length: previews }, (_, index) => page(`pdf ${index + 1}`));
  return {
    outcome: "rendered",
    mediaType: "application/pdf",
    pageCount: text.length,
    pages,
    text,
    captureFacts: null,
  };
}

/** The child died. */
export const crashed = (
  cause: "timed_out" | "out_of_memory" | "killed" = "killed",
  mediaType: MediaType = "image/jpeg",
): Rendering => ({
  outcome: "crashed",
  mediaType,
  cause,
});

/** One try at a document by a worker of the test's own. */
export async function processOnce(
  ports: ProcessPorts,
  bell: Doorbell,
  {
    renderer = standInRenderer(),
    stopping = new AbortController().signal,
    worker = "worker:test",
  }: { renderer?: Renderer; stopping?: AbortSignal; worker?: string } = {},
): Promise<Processed> {
  const { outcome } = await processDocument(ports, bell, { renderer, worker, stopping });
  return outcome;
}

/** Rows of the test's database as its superuser sees, or changes, them. */
export async function query<Row = Record<string, unknown>>(
  { database }: Pick<TestWorld, "database">,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return await withClient(
    database.superuser,
    async (client) => (await client.query(sql, values)).rows as Row[],
  );
}

/** The row of a document, as node-postgres reads it: bigints are strings. */
export async function rowOf(
  world: TestWorld,
  { tenantId, documentId }: Doorbell,
): Promise<Record<string, unknown>> {
  return (
    await query(world, "select * from document where tenant_id = $1 and id = $2", [tenantId, documentId])
  )[0]!;
}

/** Lets the lease on a document lapse this long ago, as if its worker had died. */
export async function lapse(world: TestWorld, { tenantId, documentId }: Doorbell, agoMs = 1): Promise<void> {
  await query(
    world,
    "update document set lease_until = clock_timestamp() - $3 * interval '1 millisecond' where tenant_id = $1 and id = $2",
    [tenantId, documentId, agoMs],
  );
}

/** A clock that stands still until the test lets time pass; whoever sleeps wakes when their time is over. */
export type SteppedClock = Clock & {
  pass(ms: number): void;
  /** Resolves once somebody sleeps for that long. */
  asleep(ms: number): Promise<void>;
};

/** `start`: the wall-clock time that it begins at. */
export function steppedClock(start = new Date()): SteppedClock {
  const sleepers = new Set<{ delayMs: number; until: number; wake: () => void }>();
  let elapsed = 0;
  const watchers = new Set<{ ms: number; tell: () => void }>();
  return {
    now: () => new Date(start.getTime() + elapsed),
    monotonicMs: () => elapsed,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        const sleeper = { delayMs, until: elapsed + delayMs, wake: resolve };
        sleepers.add(sleeper);
        const leave = () => {
          sleepers.delete(sleeper);
          resolve();
        };
        if (signal?.aborted) return leave();
        signal?.addEventListener("abort", leave, { once: true });
        for (const watcher of watchers)
          if (watcher.ms === delayMs && watchers.delete(watcher)) watcher.tell();
      }),
    pass(ms) {
      elapsed += ms;
      for (const sleeper of sleepers) {
        if (sleeper.until > elapsed) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
    asleep: (ms) =>
      new Promise((resolve) => {
        if ([...sleepers].some(({ delayMs }) => delayMs === ms)) resolve();
        else watchers.add({ ms, tell: resolve });
      }),
  };
}

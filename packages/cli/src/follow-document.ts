import type { DocumentView } from "@strongroom/core/api-shapes";
import { settledStates } from "@strongroom/core/document/document";
import type { Client, Tagged } from "./client.ts";

const firstWaitMs = 250;
const lastWaitMs = 2_000;

/** States that a document leaves by itself; in all others there is nothing to wait for. */
const movingStates = ["granted", "received", "processing", "restoring"];

/** Whether the pipeline has nothing left to do with it, for the time being. */
export function isSettled({ state }: Pick<DocumentView, "state">): boolean {
  return state === "expired" || (settledStates as readonly string[]).includes(state);
}

/** Whether it will change without anybody doing anything. */
export function isMoving({ state }: Pick<DocumentView, "state">): boolean {
  return movingStates.includes(state);
}

/**
 * Asks for a document until it is settled; every 250 ms at first, every 2 s in the end. An unchanged one costs no body
 * (ETag). `onChange` sees every state that it was met in, the first and the last included.
 */
export async function followDocument(
  client: Client,
  id: string,
  { onChange = () => {}, signal }: { onChange?: (document: DocumentView) => void; signal?: AbortSignal } = {},
): Promise<DocumentView> {
  const request = { params: { id }, ...(signal === undefined ? {} : { signal }) };
  let etag: string | null = null;
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(lastWaitMs, waitMs * 1.5)) {
    const changed: Tagged<"showDocument"> | null = await client.callIfChanged("showDocument", request, etag);
    if (changed !== null) {
      onChange(changed.reply.document);
      if (isSettled(changed.reply.document)) return changed.reply.document;
      etag = changed.etag;
    }
    await client.patience.sleep(waitMs, signal);
  }
}

import type { DocumentView, UploadReply } from "@strongroom/core/api-shapes";
import type { Client } from "./client.ts";
import { changedFile, declareFiles, isUnchanged, type LocalFile, looksUnchanged } from "./declare-files.ts";
import { waitAfter } from "./patience.ts";
import { sendRound } from "./send-round.ts";
import { trackProgress, type UploadProgress } from "./upload-progress.ts";

/** A document to upload: one file per page (or one PDF), in page order. */
export type UploadOrder = {
  /** UUIDv7, made once per document: the same order again is the same upload. */
  id: string;
  kind: string;
  loadNumber?: string | null;
  note?: string | null;
  /** Id of the document that this one replaces. */
  replaces?: string | null;
  paths: readonly string[];
  /** What `declareFiles` answered for these paths earlier; absent: they are read now. */
  declared?: readonly LocalFile[];
};

export type UploadOptions = { onProgress?: (progress: UploadProgress) => void; signal?: AbortSignal };

/**
 * Uploads a document and says that it is complete. A second call with the same order continues the first: only what is
 * missing is sent. A lost connection or an expired signature is healed by signing anew, as often as something gets
 * through in between. Throws `LocalProblem` `file_changed` when a file is no longer what was declared.
 */
export async function uploadDocument(
  client: Client,
  order: UploadOrder,
  options: UploadOptions = {},
): Promise<DocumentView> {
  const { onProgress = () => {}, signal } = options;
  const files =
    order.declared === undefined
      ? await declareFiles(order.paths, signal)
      : await stillDeclared(order.declared, signal);
  const call = { params: { id: order.id }, ...(signal === undefined ? {} : { signal }) };
  const { id, kind, loadNumber = null, note = null, replaces = null } = order;
  const body = { id, kind, loadNumber, note, replaces, files: files.map(({ declaration }) => declaration) };
  const reply = await client.call("acceptUpload", { ...call, body });
  if (!["granted", "expired"].includes(reply.document.state)) return reply.document; // an earlier run got further than it could tell
  const progress = trackProgress(files, onProgress);
  await sendAll(client, reply, () => client.call("signUploads", call), { files, progress, signal });
  return (await client.call("completeUpload", call)).document;
}

type Sending = {
  files: readonly LocalFile[];
  progress: ReturnType<typeof trackProgress>;
  signal: AbortSignal | undefined;
};

/** Rounds of sending and signing anew, until nothing is left or nothing gets through any more. */
async function sendAll(
  client: Client,
  first: UploadReply,
  signAnew: () => Promise<UploadReply>,
  sending: Sending,
): Promise<void> {
  const { files, progress, signal } = sending;
  const { patience } = client;
  for (
    let reply = first, fruitless = 0;
    reply.uploads.some(({ requests }) => requests.length > 0);
    reply = await signAnew()
  ) {
    progress.expect(reply.uploads);
    const round = await sendRound(reply.uploads, files, { patience, progress, signal });
    if (round.outcome === "done") return;
    fruitless = round.advanced ? 1 : fruitless + 1;
    const delayMs = waitAfter(patience, fruitless);
    if (delayMs === null) throw round.cause;
    await patience.sleep(delayMs, signal);
  }
}

/** Files that were declared some time ago, read again only where the file system says that they were touched. */
async function stillDeclared(
  files: readonly LocalFile[],
  signal: AbortSignal | undefined,
): Promise<readonly LocalFile[]> {
  for (const file of files) {
    if (!(await looksUnchanged(file)) && !(await isUnchanged(file, signal))) throw changedFile(file.path);
  }
  return files;
}

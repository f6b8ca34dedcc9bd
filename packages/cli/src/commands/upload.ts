import type { DocumentView } from "@strongroom/core/api-shapes";
import { Command } from "commander";
import type { Client } from "../client.ts";
import { documentId } from "../document-id.ts";
import { followDocument } from "../follow-document.ts";
import { ApiProblem, exitCodes, Interrupted, LocalProblem, Unreachable, UsageProblem } from "../problems.ts";
import { openProgress } from "../progress-display.ts";
import { forgetUpload, listUnfinished, rememberUpload } from "../unfinished-uploads.ts";
import { uploadDocument } from "../upload-document.ts";
import type { UploadProgress } from "../upload-progress.ts";
import { type Choices, type Order, orderAgain, orderNew } from "../upload-orders.ts";
import { countOf, explainMissing, explainPages, explainState, formatBytes, formatMoment } from "../words.ts";
import { answer, connect, reportFailure, say, type World } from "../world.ts";

const help = `
Examples:
  strongroom upload cmr-1.jpg cmr-2.jpg --kind cmr --load 4711    one document of two pages
  strongroom upload *.jpg --kind receipt --separate               each photo a document of its own
  strongroom upload pod.jpg --kind proof-of-delivery --wait                     stay until it is stored, and hear about each page
  strongroom upload pod.jpg --kind proof-of-delivery --replaces 0198f1c2-…      a better photo in place of an earlier document

When it is cut off, run the very same command again, or "strongroom upload --resume": only what is missing is sent.`;

type Options = Choices & { wait?: true; resume?: true | string };

type Uploaded = { document: DocumentView; resumed: boolean };

/** `strongroom upload`: sends documents, or continues those that were cut off. */
export function uploadCommand(world: World): Command {
  return new Command("upload")
    .description("Upload files as the pages of one document")
    .argument("[files...]", "photos, scans or PDFs, in page order")
    .option("--kind <kind>", "kind of document: cmr, proof-of-delivery, …")
    .option("--load <number>", "load number")
    .option("--note <text>", "a word to whoever reads it")
    .option("--replaces <id>", "document that this one replaces", documentId)
    .option("--separate", "each file is a document of its own")
    .option("--wait", "stay until it is settled, and tell about each page")
    .option("--resume [id]", "list what was cut off, or continue one of them")
    .addHelpText("after", help)
    .action((paths: string[], options: Options) => upload(world, paths, options));
}

async function upload(world: World, paths: string[], options: Options): Promise<void> {
  if (options.resume === true) return listResumable(world, paths);
  const client = await connect(world);
  const orders =
    options.resume === undefined
      ? await orderNew(world, client, paths, options)
      : await orderAgain(world, client, paths, options.resume);
  const { done, failure } = await uploadEach(world, client, orders);
  const unwaited = options.wait && !endsAll(failure) ? await waitForAll(world, client, done) : null;
  const resumed = done.flatMap(({ document, resumed: again }) => (again ? [document.id] : []));
  const documents = done.map(({ document }) => document);
  const lines = documents.flatMap((document) => describeUploaded(document, options.wait === true));
  if (failure === null || done.length > 0) answer(world, { documents, resumed }, lines);
  if (failure !== null && unwaited !== null) reportFailure(world, failure);
  if (failure !== null || unwaited !== null) throw unwaited ?? failure;
}

/** Whether nothing more is to be asked of the server: the person has stopped it, or nobody is there. */
const endsAll = (failure: Error | null) => failure instanceof Interrupted || failure instanceof Unreachable;

/** Uploads one document after the other; one that is refused does not keep the next from its turn. */
async function uploadEach(world: World, client: Client, orders: readonly Order[]) {
  const done: Uploaded[] = [];
  const failures: Error[] = [];
  for (const order of orders) {
    try {
      done.push(await uploadOne(world, client, order));
    } catch (error) {
      failures.push(error as Error);
      if (endsAll(error as Error)) break;
    }
  }
  for (const error of failures.slice(0, -1)) reportFailure(world, error);
  return { done, failure: failures.at(-1) ?? null };
}

/** Uploads one document; what is left of it stays on disk until it is complete or cannot be continued. */
async function uploadOne(world: World, client: Client, { upload: order, resumed }: Order): Promise<Uploaded> {
  const directory = world.settings.uploadsDirectory;
  if (resumed) say(world, `Continuing the upload of ${formatMoment(order.startedAt)}, document ${order.id}.`);
  await rememberUpload(directory, order);
  const display = openProgress(world, order.files);
  try {
    const options = {
      onProgress: (progress: UploadProgress) => display.show(progress),
      signal: world.signal,
    };
    const paths = order.files.map(({ path }) => path);
    const document = await uploadDocument(client, { ...order, paths, declared: order.files }, options);
    await forgetUpload(directory, order.id);
    return { document, resumed };
  } catch (error) {
    if (isHopeless(error)) await forgetUpload(directory, order.id);
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`Stopped. Go on with: strongroom upload --resume ${order.id}`);
  } finally {
    display.stop();
  }
}

/** Whether the very same request can never succeed, so that there is nothing to continue. A grant that ended (410) is given anew. */
function isHopeless(error: unknown): boolean {
  if (error instanceof LocalProblem) return error.code === "file_changed";
  if (!(error instanceof ApiProblem) || error.retryable) return false;
  return error.code === "erased" || [400, 404, 409, 413, 415, 422].includes(error.problem.status);
}

/** Answers what ended the waiting before its time: what was uploaded is told all the same. */
async function waitForAll(world: World, client: Client, done: readonly Uploaded[]): Promise<Error | null> {
  try {
    for (const one of done) one.document = await waitFor(world, client, one.document);
    return null;
  } catch (error) {
    return error as Error;
  }
}

async function waitFor(world: World, client: Client, document: DocumentView): Promise<DocumentView> {
  const settled = await followDocument(client, document.id, { signal: world.signal }).catch(
    (error: unknown) => {
      if (!(error instanceof Interrupted)) throw error;
      throw new Interrupted(
        `Stopped waiting. The document is uploaded; see it with: strongroom status ${document.id}`,
      );
    },
  );
  if (!["stored", "archived", "restoring"].includes(settled.state)) world.exitWith(exitCodes.refused);
  return settled;
}

function describeUploaded(document: DocumentView, waited: boolean): string[] {
  const onFile = document.duplicate?.documentId ? ` as ${document.duplicate.documentId}` : "";
  const missing = explainMissing(document);
  return [
    `document ${document.id}, ${countOf(document.files.length, "file")}, ${formatBytes(document.sizeBytes)}`,
    ...(document.confirmationCode === null ? [] : [`  confirmation code ${document.confirmationCode}`]),
    `  ${explainState(document)}`,
    ...(missing === null ? [] : [`  ${missing}`]),
    ...(document.duplicate === null ? [] : [`  the same content is already on file${onFile}`]),
    ...(waited ? explainPages(document).map((sentence) => `  ${sentence}`) : []),
  ];
}

async function listResumable(world: World, paths: string[]): Promise<void> {
  if (paths.length > 0)
    throw new UsageProblem("Run the same command without --resume: it finds what was cut off by itself.");
  const uploads = await listUnfinished(world.settings.uploadsDirectory);
  const lines = uploads.map(({ id, startedAt, kind, files }) => {
    const sizeBytes = files.reduce((sum, { declaration }) => sum + declaration.sizeBytes, 0);
    return `${id}  ${formatMoment(startedAt)}  ${kind}, ${countOf(files.length, "file")}, ${formatBytes(sizeBytes)}: ${files[0]!.path}`;
  });
  const next =
    uploads.length === 0 ? "Nothing was cut off." : "Continue one with: strongroom upload --resume <id>";
  answer(world, { uploads }, [...lines, next]);
}

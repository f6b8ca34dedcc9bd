import { createHash, randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ArtefactView } from "@strongroom/core/api-shapes";
import { type Client, problemIn } from "./client.ts";
import { type Patience, waitAfter } from "./patience.ts";
import { ApiProblem, BrokenOff, LocalProblem, Unreachable } from "./problems.ts";

/**
 * Fetches one artefact to `path`. The file gets its name only when its length and SHA-256 are those of the artefact; a
 * download that is cut is tried again, each time with a new ticket. Throws `LocalProblem` `altered` when the bytes differ,
 * `BrokenOff` when they began and never came to their end, `ApiProblem` for what the server refuses.
 */
export async function downloadArtefact(
  client: Client,
  id: string,
  artefact: ArtefactView,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; ; failures++) {
    const request = { params: { id }, body: { artefact: artefact.name }, signal };
    const { url } = await client.call("issueTicket", request);
    const cut = await fetchOnce(url, artefact, path, client.patience, signal);
    if (cut === null) return;
    const delayMs = waitAfter(
      client.patience,
      failures,
      cut instanceof ApiProblem ? cut.retryAfterSeconds : null,
    );
    if (delayMs === null) throw cut;
    await client.patience.sleep(delayMs, signal);
  }
}

/** One try; null when the file is there. Whatever a further try may heal is returned, the rest is thrown. */
async function fetchOnce(
  url: string,
  artefact: ArtefactView,
  path: string,
  patience: Patience,
  signal: AbortSignal,
): Promise<Error | null> {
  const silence = silenceSignal(patience.silenceMs);
  let hasBegun = false;
  try {
    // No token: the ticket is all that this request needs, and its host may be another one.
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (response.status !== 200 || response.body === null) return await refusalIn(response);
    hasBegun = true;
    await writeVerified(path, silence.watch(response.body), artefact);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiProblem || error instanceof LocalProblem || isOfDisk(error)) throw error;
    return hasBegun ? new BrokenOff(artefact.name, error) : new Unreachable(new URL(url).origin, error);
  } finally {
    silence.end();
  }
}

/** What the server says instead of the bytes; thrown when the same request will not do better later. */
async function refusalIn(response: Response): Promise<ApiProblem> {
  const { status, headers } = response;
  const problem = problemIn({ status, headers, text: await response.text() });
  if (problem.retryable) return problem;
  throw problem;
}

/**
 * Writes the bytes under a temporary name beside `path`, compares them with what is expected (null: anything), and only
 * then gives the file its name. On any failure nothing is left.
 */
export async function writeVerified(
  path: string,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  expected: { sizeBytes: number; sha256: string } | null,
): Promise<{ sizeBytes: number; sha256: string }> {
  const temp = join(dirname(path), `.${basename(path).slice(0, 80)}.${randomBytes(6).toString("hex")}.part`);
  const hash = createHash("sha256");
  let sizeBytes = 0;
  try {
    const file = await open(temp, "wx", 0o600);
    try {
      for await (const piece of bytes) {
        sizeBytes += piece.length;
        if (expected !== null && sizeBytes > expected.sizeBytes) throw altered(path);
        hash.update(piece);
        await file.writeFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const sha256 = hash.digest("hex");
    if (expected !== null && sizeBytes < expected.sizeBytes)
      throw new Error(`it ended after ${sizeBytes} of ${expected.sizeBytes} bytes`);
    if (expected !== null && sha256 !== expected.sha256) throw altered(path);
    await rename(temp, path);
    return { sizeBytes, sha256 };
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
}

const altered = (path: string) =>
  new LocalProblem(
    "altered",
    `What came for ${path} is not what was stored: its SHA-256 differs. Nothing of it was kept; tell your operator.`,
  );

/** A signal that aborts when nothing came for `silenceMs`; a long download that flows is never cut. */
function silenceSignal(silenceMs: number) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`nothing came for ${silenceMs} ms`)), silenceMs);
  async function* watch(body: AsyncIterable<Uint8Array>) {
    for await (const piece of body) {
      timer.refresh();
      yield piece;
    }
  }
  return { signal: controller.signal, watch, end: () => clearTimeout(timer) };
}

/** Whether a failure is one of the file system (no room, no such directory), which no further try heals. */
function isOfDisk(error: unknown): boolean {
  return (
    error instanceof Error &&
    "syscall" in error &&
    ["open", "write", "fsync", "rename"].includes(String(error.syscall))
  );
}
